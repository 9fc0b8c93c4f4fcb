#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "components/redis/settings/settings.hpp"
#include "config/preset.hpp"

namespace raibid {

/// A compose file (compose-spec.io) with the same Redis: settings, limits, health check and, as `x-redis-environment`,
/// the application's variables. The password comes from the environment or .env and is seen by no command line.
nlohmann::ordered_json compose_file(const Preset& preset, const RedisSettings& settings);

/// The name of the variable in .env that holds the password.
std::string compose_password_variable(const Preset& preset);
/// The one of `admin`, who is there beside a user of the application's own.
inline constexpr const char* compose_admin_variable = "REDIS_ADMIN_PASSWORD";

}  // namespace raibid
