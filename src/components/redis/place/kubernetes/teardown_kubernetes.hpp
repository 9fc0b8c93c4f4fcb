#pragma once

#include "components/component.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// `teardown redis` in a cluster; see Installer::teardown.
CommandResult teardown_redis_kubernetes(Context& context, const RedisSettings& settings);

}  // namespace raibid
