#pragma once

#include "components/redis/place/place.hpp"

namespace raibid {

/// `setup redis` on this machine; see Installer::setup.
SetupOutcome setup_redis_local(Context& context, const RedisSettings& settings, const SetupRequest& request);

}  // namespace raibid
