#pragma once

#include "components/component.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// `teardown redis` on this machine; see Installer::teardown.
CommandResult teardown_redis_local(Context& context, const RedisSettings& settings);

}  // namespace raibid
