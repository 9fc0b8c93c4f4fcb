#pragma once

#include <string>

#include "components/redis/commands/smoke/operation.hpp"

namespace raibid {

/// A lock as applications take it: SET key owner NX PX, released only by its owner.
inline std::vector<std::string> acquire_command(const std::string& key, const std::string& owner, Duration ttl) {
  return {"SET", key, owner, "NX", "PX", std::to_string(ttl.count())};
}

inline bool acquire(RedisConnection& redis, const std::string& key, const std::string& owner, Duration ttl) {
  return !checked(redis, acquire_command(key, owner, ttl)).is_nil();
}

inline bool release(RedisConnection& redis, const std::string& key, const std::string& owner) {
  constexpr const char* script =
      "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
  return run_script(redis, script, {key}, {owner}).integer == 1;
}

}  // namespace raibid
