#pragma once

#include <string>

#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// Where the application lives: the first client's namespace, else Redis' own.
std::string application_namespace(const RedisSettings& settings);

/// The name by which an application in `application_namespace` reaches Redis on a cluster: the first of the preset's
/// `services`, short where that Service is in the same namespace, else with its namespace; without services the
/// release's own host. `url` and `export` both ask here.
std::string application_host(const RedisSettings& settings, const RedisNames& names,
                             const std::string& application_namespace);
/// The same for where the application lives.
std::string application_host(const RedisSettings& settings, const RedisNames& names);

}  // namespace raibid
