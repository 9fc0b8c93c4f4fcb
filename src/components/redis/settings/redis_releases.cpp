#include "components/redis/settings/redis_releases.hpp"

#include <charconv>

namespace raibid {

namespace {

/// Oldest first. From the release notes (https://github.com/redis/redis/releases), section "Potentially breaking
/// changes".
const std::vector<BreakingChange>& known_changes() {
  static const std::vector<BreakingChange> known = {
      {{7, 0}, "the AOF is a folder of several files (appendonlydir), which Redis 6 cannot read"},
      {{7, 0}, "a new ACL user may use no Pub/Sub channel unless it is told so (acl-pubsub-default resetchannels)"},
      {{7, 0}, "RDB files have version 10, which Redis 6 cannot read"},
      {{7, 0}, "Lua scripts have no print() any more; what they did is replicated, never the script itself"},
      {{7, 2}, "RDB files have version 11, which Redis 7.0 cannot read"},
      {{7, 2}, "XINFO CONSUMERS: idle counts from the last attempt to read, not from the last job (inactive does)"},
      {{7, 4}, "RDB files have version 12, which Redis 7.2 cannot read"},
      {{7, 4}, "the licence is RSALv2 or SSPLv1 instead of BSD"},
      {{8, 0}, "the licence is RSALv2, SSPLv1 or AGPLv3"},
      {{8, 0},
       "JSON, search, time series and probabilistic types are built in, and the ACL categories (@read, @write, "
       "…) include their commands"},
  };
  return known;
}

}  // namespace

std::optional<RedisVersion> parse_redis_version(std::string_view tag) {
  if (const std::size_t colon = tag.rfind(':'); colon != std::string_view::npos) tag.remove_prefix(colon + 1);
  if (tag.starts_with('v')) tag.remove_prefix(1);
  RedisVersion version;
  const char* const end = tag.data() + tag.size();
  const auto [after, error] = std::from_chars(tag.data(), end, version.major);
  if (error != std::errc()) return std::nullopt;
  if (after != end && *after == '.') std::from_chars(after + 1, end, version.minor);
  return version;
}

std::vector<BreakingChange> breaking_changes(RedisVersion from, RedisVersion to) {
  std::vector<BreakingChange> between;
  for (const BreakingChange& change : known_changes()) {
    if (from < change.since && change.since <= to) between.push_back(change);
  }
  return between;
}

}  // namespace raibid
