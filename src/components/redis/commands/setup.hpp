#pragma once

#include "components/component.hpp"

namespace raibid {

/// `setup redis`: makes a Redis ready for jobs, wherever the settings say.
std::vector<OptionSpec> setup_options();
CommandResult setup_redis(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
