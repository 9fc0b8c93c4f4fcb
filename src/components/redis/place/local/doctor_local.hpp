#pragma once

#include "components/redis/server/health.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// `doctor redis` on this machine; see Installer::examine_ground.
void examine_local(Context& context, const RedisSettings& settings, HealthReport& report);

}  // namespace raibid
