#pragma once

#include <string>

#include "components/context.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// See Installer::change_users.
std::string change_users_kubernetes(Context& context, const RedisSettings& settings, const UsersPlan& plan);

/// Throws Error (preflight) for a release of several nodes, whose users cannot be changed together yet.
void refuse_users_of_nodes(const Observed& observed, const std::string& release);

}  // namespace raibid
