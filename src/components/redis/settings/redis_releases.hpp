#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// A version of Redis, as far as it counts for an upgrade.
struct RedisVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const RedisVersion&) const = default;
};

/// That of "8.10.2", "7-alpine" or "redis:7.2"; std::nullopt where no number begins it ("latest").
std::optional<RedisVersion> parse_redis_version(std::string_view tag);

/// A change of Redis that an application or whoever runs it may notice: the version that brings it, and what it is.
struct BreakingChange {
  RedisVersion since;
  std::string_view what;
};

/// Those between two versions, oldest first. From Redis' own release notes; the table is kept by hand.
std::vector<BreakingChange> breaking_changes(RedisVersion from, RedisVersion to);

}  // namespace raibid
