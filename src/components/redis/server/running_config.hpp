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

/// For a change to `wanted`, whose maxmemory may be lower than the one that Redis runs with and less than what it
/// holds: throws Error (preflight, with `hint`) when its policy then refuses every write; says what goes when it
/// evicts,
/// "" when it all fits.
std::string about_less_memory(RedisConnection& redis, const Directives& wanted, const std::string& hint);

/// What a healthy Redis says of itself, for the line "PONG · 8.2.1 · AOF everysec · maxmemory 307 MiB noeviction".
std::string describe_redis(RedisConnection& redis);

}  // namespace raibid
