#pragma once

#include <vector>

#include "config/option.hpp"

namespace raibid {

/// The options of `setup redis` beside the global ones, with their defaults.
std::vector<OptionSpec> redis_options();

}  // namespace raibid
