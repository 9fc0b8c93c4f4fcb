#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "components/redis/settings/redis_conf.hpp"
#include "components/redis/settings/settings.hpp"
#include "config/preset.hpp"
#include "sys/process.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// What of the preset's streams and groups is not there yet, as (stream, group). Throws Error (failure) as
/// create_groups.
std::vector<std::pair<std::string, std::string>> missing_groups(RedisConnection& redis,
                                                                const std::vector<StreamSpec>& streams);

/// Creates streams and groups at 0 (XGROUP CREATE … 0 MKSTREAM: jobs added before the group existed are delivered,
/// unlike with $); BUSYGROUP is success. Returns how many were made. Throws Error (failure); a key of the stream's name
/// that holds something else is named with its type.
int create_groups(RedisConnection& redis, const std::vector<StreamSpec>& streams);

/// One look at a Redis that is on its way: an authenticated connection that has answered PONG, or what stands against
/// it.
struct Answer {
  std::unique_ptr<RedisConnection> connection;  ///< null until PONG
  std::string waiting_for;                      ///< "Redis is loading its data (42.1 %)"
};
/// Not reachable, LOADING and BUSY are worth another look. Throws Error (failure) for what no waiting heals, as
/// wait_for_pong.
Answer ask_for_pong(RedisConnector& connector, const RedisEndpoint& endpoint, Duration timeout);

/// Looks until PONG: every few milliseconds at first, then four times a second. `progress` hears what it waits for
/// whenever that changes, and may throw to end the wait. Throws Error (failure) at the deadline, and at once for
/// what no waiting heals: a wrong password, a missing one, one too many, protected mode, MISCONF.
std::unique_ptr<RedisConnection> wait_for_pong(RedisConnector& connector, const RedisEndpoint& endpoint, Runner& runner,
                                               TimePoint deadline,
                                               const std::function<void(const std::string&)>& progress);

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
