#pragma once

#include "components/redis/place/place.hpp"

namespace raibid {

/// `setup redis` in a cluster; see Installer::setup.
SetupOutcome setup_redis_kubernetes(Context& context, const RedisSettings& settings, const SetupRequest& request);

}  // namespace raibid
