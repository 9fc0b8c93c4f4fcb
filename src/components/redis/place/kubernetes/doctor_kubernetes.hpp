#pragma once

#include "components/redis/server/health.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// `doctor redis` in a cluster; see Installer::examine_ground.
void examine_kubernetes(Context& context, const RedisSettings& settings, HealthReport& report);

}  // namespace raibid
