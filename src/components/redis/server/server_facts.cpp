#include "components/redis/server/server_facts.hpp"

#include <vector>

#include <fmt/format.h>

#include "base/strings.hpp"

namespace raibid {

namespace {

std::string fact(const std::map<std::string, std::string>& info, const std::string& name) {
  const auto found = info.find(name);
  return found == info.end() ? "" : found->second;
}

}  // namespace

std::string version_from(const std::map<std::string, std::string>& info) {
  const std::string valkey = fact(info, "valkey_version");
  return valkey.empty() ? fact(info, "redis_version") : "valkey " + valkey;
}

std::string ServerFacts::text() const {
  std::vector<std::string> parts;
  if (!version.empty()) parts.push_back(version);
  if (!role.empty()) parts.push_back(is_replica() ? "replica" : role);
  if (cluster_mode) parts.emplace_back("cluster mode");
  if (aof) parts.emplace_back(*aof ? "AOF on" : "no AOF");
  if (!policy.empty()) parts.push_back(policy);
  return parts.empty() ? "no details available" : join(parts, " · ");
}

ServerFacts read_server_facts(RedisConnection& redis) {
  ServerFacts facts;
  const RedisReply all = redis.command({"INFO"});
  const auto info = all.is_error() ? std::map<std::string, std::string>{} : parse_info(all.text);
  facts.version = version_from(info);
  facts.role = fact(info, "role");
  if (facts.role.empty()) {
    const RedisReply role = redis.command({"ROLE"});
    if (!role.is_error() && !role.items.empty()) facts.role = role.items.front().text;
  }
  if (const std::string aof = fact(info, "aof_enabled"); !aof.empty()) facts.aof = aof == "1";
  facts.cluster_mode = fact(info, "cluster_enabled") == "1" || fact(info, "redis_mode") == "cluster";
  facts.policy = fact(info, "maxmemory_policy");
  if (facts.policy.empty()) facts.policy = running_policy(redis).value_or("");
  return facts;
}

std::optional<std::string> running_policy(RedisConnection& redis) {
  const RedisReply reply = redis.command({"CONFIG", "GET", "maxmemory-policy"});
  if (const RedisReply* policy = reply.field("maxmemory-policy")) return policy->text;
  const RedisReply memory = redis.command({"INFO", "memory"});
  if (memory.is_error()) return std::nullopt;
  const std::string policy = fact(parse_info(memory.text), "maxmemory_policy");
  return policy.empty() ? std::nullopt : std::optional(policy);
}

bool has_hash_tag(const std::string& key) {
  const std::size_t open = key.find('{');
  return open != std::string::npos && key.find('}', open) != std::string::npos && key.find('}', open) > open + 1;
}

}  // namespace raibid
