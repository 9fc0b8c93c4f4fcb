#pragma once

#include "components/redis/place/place.hpp"

namespace raibid {

/// See Installer.
SetupOutcome setup_redis_external(Context& context, const RedisSettings& settings, const SetupRequest& request);

}  // namespace raibid
