#pragma once

#include "components/component.hpp"
#include "components/context.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// See Installer.
void examine_external_ground(Context& context, const RedisSettings& settings, HealthReport& report);

}  // namespace raibid
