#pragma once

#include "components/component.hpp"
#include "components/redis/settings/settings.hpp"
#include "sys/clock.hpp"

namespace raibid {

/// `status --wait`: looks again and again until the Redis is in the state that --for names (healthy, ready, drained) or
/// the time is over. Its result is the last report, with exit code 0 or 1. A Redis that is not there yet is waited for,
/// and is Error (not_installed) in the end.
CommandResult wait_for_state(Context& context, const RedisSettings& settings);

}  // namespace raibid
