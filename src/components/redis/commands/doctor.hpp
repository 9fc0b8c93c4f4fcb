#pragma once

#include "components/component.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// `doctor redis`: the preflight checks alone; every one is made, whatever the others say. Changes nothing.
CommandResult doctor_redis(Context& context, const std::vector<std::string>& arguments);

void examine_kubernetes(Context& context, const RedisSettings& settings, HealthReport& report);
void examine_local(Context& context, const RedisSettings& settings, HealthReport& report);

}  // namespace raibid
