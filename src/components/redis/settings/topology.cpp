#include "components/redis/settings/topology.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

namespace {

/// Directives by which the nodes agree on who is the master, or that would part them.
constexpr const char* directives_of_nodes[] = {
    "replicaof",           "slaveof",        "replica-announce-ip", "replica-announce-port", "slave-announce-ip",
    "slave-announce-port", "cluster-enabled"};

/// Why a Redis that is set up this way cannot have replicas, with what to do; empty when it can.
std::optional<std::pair<std::string, std::string>> why_no_replicas(const RedisSettings& redis) {
  if (redis.target == Target::external)
    return std::pair("its nodes are made where it comes from", "leave it out: nothing of that Redis is installed");
  if (redis.target != Target::local && redis.chart.kind != ChartChoice::Kind::embedded)
    return std::pair(
        "only the embedded chart is set up with replicas; Bitnami's Sentinel needs images that were withdrawn",
        "leave it out, or use --chart embedded");
  if (!redis.persistence)
    return std::pair("without data on disk a master that restarts is empty, and empties its replicas",
                     "leave --no-persistence out");
  if (redis.tls.migrate)
    return std::pair("several nodes use one port, so plain clients cannot have another one beside it",
                     "leave --tls-migrate out, or --ha");
  if (redis.tls.from == TlsChoice::From::issuer)
    return std::pair("what cert-manager renews is read again by one node alone",
                     "use --tls, or --tls-secret with its Secret: the next setup after a renewal tells all nodes");
  if (redis.existing_secret && redis.existing_secret->name == RedisNames(redis.release, redis.name_space).full)
    return std::pair(
        "sentinels know the password from the Secret of the release, which --existing-secret leaves to "
        "something else",
        "let that keep the password in a Secret of another name, or leave --ha out");
  for (const char* const name : directives_of_nodes) {
    if (!directive(redis, name).empty())
      return std::pair(fmt::format("the preset sets {}, and the nodes agree on their roles by themselves", name),
                       "remove it from the preset");
  }
  return std::nullopt;
}

}  // namespace

int sentinel_quorum(int nodes) { return nodes / 2 + 1; }

void take_topology(RedisSettings& redis, const OptionReader& reader) {
  const bool wanted = reader.flag("ha");
  if (reader.has("proxy-image") && !reader.text("proxy-image").empty())
    redis.proxy_image = parse_image(reader.text("proxy-image"), reader.named("proxy-image"));
  const bool says_replicas = reader.chosen("replicas") && reader.settings().origin("replicas").source != Source::record;
  if (!wanted) {
    redis.proxy_image.reset();
    if (!says_replicas || reader.settings().origin("replicas").source != Source::flag) return;
    throw Error(ExitCode::usage, fmt::format("{} needs --ha", reader.named("replicas")),
                "add --ha, or leave --replicas out: one node has no replicas");
  }
  // a preset says what its application needs where it is served, not where it is tried
  if (redis.target == Target::local && !reader.chosen("ha")) return;
  if (const auto why = why_no_replicas(redis)) {
    if (!reader.chosen("ha")) {  // the preset's own holds where it can
      redis.proxy_image.reset();
      return;
    }
    throw Error(ExitCode::usage, fmt::format("{}: {}", reader.named("ha"), why->first), why->second);
  }
  const std::int64_t replicas = reader.settings().integer("replicas");
  if (replicas != 2 && replicas != 4)
    reader.refuse("replicas", "does not make an odd number of nodes that can agree", "use 2 or 4: three or five nodes");
  redis.replicas = static_cast<int>(replicas);
}

}  // namespace raibid
