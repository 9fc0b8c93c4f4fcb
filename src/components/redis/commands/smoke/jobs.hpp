#pragma once

#include <string>

#include "components/redis/commands/smoke/operation.hpp"

namespace raibid {

std::string smoke_job_store(SmokeBench& bench, const SmokeParameters& parameters);
std::string smoke_claim_contention(SmokeBench& bench, const SmokeParameters& parameters);

}  // namespace raibid
