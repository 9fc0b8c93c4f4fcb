#pragma once

#include <string>
#include <vector>

#include "components/redis/settings/redis_conf.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// Directives whose running value differs from what was asked, as (name, running, wanted): both as CONFIG SET takes
/// them. Values are compared as Redis means them (1gb = 1073741824, save lines joined). Throws Error (failure) when
/// CONFIG GET is refused.
struct Difference {
  std::string name, running, wanted;
};
std::vector<Difference> config_differences(RedisConnection& redis, const Directives& directives);

/// What a healthy Redis says of itself, for the line "PONG · 8.2.1 · AOF everysec · maxmemory 307 MiB noeviction".
std::string describe_redis(RedisConnection& redis);

}  // namespace raibid
