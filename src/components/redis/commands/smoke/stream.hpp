#pragma once

#include <string>

#include "components/redis/commands/smoke/operation.hpp"

namespace raibid {

/// The operations, one file for each application's kind of work.
std::string smoke_stream_queue(SmokeBench& bench, const SmokeParameters& parameters);

std::string smoke_dead_consumer(SmokeBench& bench, const SmokeParameters& parameters);
std::string smoke_stream_limit(SmokeBench& bench, const SmokeParameters& parameters);

}  // namespace raibid
