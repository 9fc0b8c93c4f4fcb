#pragma once

#include <string>

#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// The name by which the preset's application reaches Redis on a cluster: the first of the preset's `services`, short
/// where every client is in that Service's namespace, else with its namespace; without services the release's own host.
std::string application_host(const RedisSettings& settings, const RedisNames& names);

}  // namespace raibid
