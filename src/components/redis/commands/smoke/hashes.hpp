#pragma once

#include <string>

#include "components/redis/commands/smoke/operation.hpp"

namespace raibid {

std::string smoke_ttl_hashes(SmokeBench& bench, const SmokeParameters& parameters);
std::string smoke_index_sets(SmokeBench& bench, const SmokeParameters& parameters);

}  // namespace raibid
