#pragma once

#include "components/component.hpp"
#include "components/context.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// See Installer.
CommandResult teardown_redis_external(Context& context, const RedisSettings& settings);

}  // namespace raibid
