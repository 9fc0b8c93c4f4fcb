#pragma once

#include <string>

#include "components/redis/commands/smoke/operation.hpp"

namespace raibid {

std::string smoke_cache_ttl(SmokeBench& bench, const SmokeParameters& parameters);

}  // namespace raibid
