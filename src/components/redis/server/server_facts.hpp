#pragma once

#include <map>
#include <optional>
#include <string>

#include "tools/redis_client.hpp"

namespace raibid {

/// What a Redis tells of itself. Where CONFIG is forbidden INFO has most of it, and what nothing tells is empty.
struct ServerFacts {
  std::string version;  ///< "7.0.15", "valkey 8.0.1"
  std::string role;     ///< "master" or "slave"
  std::string policy;   ///< maxmemory-policy
  std::optional<bool> aof;
  bool cluster_mode = false;

  bool is_replica() const { return role == "slave"; }
  /// "7.0.15 · master · AOF on · noeviction": what is known.
  std::string text() const;
};

/// Of INFO: "7.0.15", "valkey 8.0.1"; "" where it does not tell.
std::string version_from(const std::map<std::string, std::string>& info);

/// Never fails on what may not be asked. Throws Error (failure) when the connection breaks.
ServerFacts read_server_facts(RedisConnection& redis);

/// maxmemory-policy, by CONFIG GET or by INFO; std::nullopt when neither tells it.
std::optional<std::string> running_policy(RedisConnection& redis);

/// Whether a key has a hash tag, {…}: in cluster mode keys with the same one are in the same slot
/// (redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec).
bool has_hash_tag(const std::string& key);

}  // namespace raibid
