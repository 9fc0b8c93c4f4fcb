#pragma once

#include "components/component.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// `status redis` on this machine; see Installer::status.
CommandResult status_redis_local(Context& context, const RedisSettings& settings);

}  // namespace raibid
