#pragma once

#include <string>
#include <vector>

#include "config/preset.hpp"
#include "components/redis/settings.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// What of the preset's streams and groups is not there yet, as (stream, group).
std::vector<std::pair<std::string, std::string>> missing_groups(RedisConnection& redis, const std::vector<StreamSpec>& streams);

/// Creates streams and groups at 0 (XGROUP CREATE … 0 MKSTREAM: jobs added before the group existed are delivered, unlike with $);
/// BUSYGROUP is success. Returns how many were made. Throws Error (failure).
int create_groups(RedisConnection& redis, const std::vector<StreamSpec>& streams);

/// Waits for PONG. Loading is reported through `progress`; throws Error when it cannot become one (see connect_redis) or at the
/// deadline.
///
/// Directives whose running value differs from what was asked, as (name, running, wanted). Values are compared as Redis
/// means them (1gb = 1073741824, save lines joined).
struct Difference {
  std::string name, running, wanted;
};
std::vector<Difference> config_differences(RedisConnection& redis, const std::vector<std::pair<std::string, std::string>>& directives);

/// What a healthy Redis says of itself, for the line "PONG · 8.2.1 · AOF everysec · maxmemory 307 MiB noeviction".
std::string describe_redis(RedisConnection& redis);

}  // namespace raibid
