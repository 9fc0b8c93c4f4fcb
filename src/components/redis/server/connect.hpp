#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sys/process.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// How long one reply may take.
inline constexpr Duration reply_limit = std::chrono::seconds(5);

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

}  // namespace raibid
