#pragma once

#include <string>

#include "components/redis/commands/smoke/operation.hpp"

namespace raibid {

std::string smoke_get_or_set(SmokeBench& bench, const SmokeParameters& parameters);
std::string smoke_pubsub_invalidation(SmokeBench& bench, const SmokeParameters& parameters);
std::string smoke_fencing_locks(SmokeBench& bench, const SmokeParameters& parameters);
std::string smoke_fallback(SmokeBench& bench, const SmokeParameters& parameters);

}  // namespace raibid
