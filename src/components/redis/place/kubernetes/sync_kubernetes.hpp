#pragma once

#include <string>

#include "components/context.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// See Installer.
StoreState look_at_store_kubernetes(Context& context, const RedisSettings& settings);
std::string take_over_users_kubernetes(Context& context, const RedisSettings& settings, const std::string& operation,
                                       bool finish);

}  // namespace raibid
