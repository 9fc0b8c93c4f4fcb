#pragma once

#include <string>
#include <vector>

#include "base/secret.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/settings/settings.hpp"
#include "config/preset.hpp"

namespace raibid {

/// A variable of the application, as the preset's `environment` asks for it.
struct Variable {
  std::string name;
  Secret value;
  bool secret = false;  ///< its value holds the password, or would if there was one
};

/// The preset's `environment` with its templates filled in, in its order. `service` is the Service's short name.
std::vector<Variable> application_variables(const Preset& preset, const RedisSettings& settings,
                                            const InstalledRedis& redis, const std::string& service);

/// The preset's `files` in the same way. A value stands between double quotes in them, so what JSON and YAML escape
/// there is escaped.
std::vector<Variable> application_files(const Preset& preset, const RedisSettings& settings,
                                        const InstalledRedis& redis, const std::string& service);

/// The variable that is the password and nothing else ("{{password}}"), or "".
std::string password_variable(const Preset& preset);

/// Where the application lives: `chosen` (--app-namespace), else as application_namespace says.
std::string chosen_namespace(const RedisSettings& settings, const std::string& chosen);

/// For clients that ask Sentinel for the master themselves: REDIS_SENTINELS, REDIS_SENTINEL_MASTER and
/// REDIS_SENTINEL_PASSWORD, which lets in whoever only asks.
std::vector<Variable> sentinel_variables(const std::string& addresses, const Secret& password);

/// The name under which an application in that namespace expects Redis (application_host), and the Service's short
/// name.
struct ExpectedHost {
  std::string host, short_name;
};
ExpectedHost expected_host(const RedisSettings& settings, const std::string& application_namespace);

/// The forms that `export env` writes. Each throws Error (usage) naming the variable whose value it cannot hold.
/// POSIX sh: export NAME='…'; a comment for a name with a dot, which no shell can export.
std::string shell_line(const Variable& variable);
/// What godotenv and compose read alike: bare, 'literal', or "with \" \\ \$ and \n escaped".
std::string dotenv_line(const Variable& variable);
/// docker run --env-file: everything behind = as it is, so nothing with a line break.
std::string docker_line(const Variable& variable);

}  // namespace raibid
