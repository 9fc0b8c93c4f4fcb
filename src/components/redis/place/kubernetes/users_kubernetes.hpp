#pragma once

#include <string>

#include "components/context.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// See Installer::change_users.
std::string change_users_kubernetes(Context& context, const RedisSettings& settings, const UsersPlan& plan);

}  // namespace raibid
