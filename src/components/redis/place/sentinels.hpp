#pragma once

#include <string>

#include "components/context.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// Where clients that ask Sentinel themselves find it: one address for all nodes of a cluster, on this machine one for
/// each, with a comma between.
std::string sentinel_addresses(const Context& context, const RedisSettings& settings);

}  // namespace raibid
