#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `logs redis`: what its server has said, on stdout as it comes. Exit code of the program that prints it.
CommandResult logs_redis(Context& context, const std::vector<std::string>& arguments);
std::vector<OptionSpec> logs_options();

}  // namespace raibid
