#pragma once

#include "components/component.hpp"

namespace raibid {

/// `teardown redis`: what setup made, wherever it is.
CommandResult teardown_redis(Context& context, const std::vector<std::string>& arguments);

/// The options of `teardown redis` beside the global ones.
std::vector<OptionSpec> teardown_options();

}  // namespace raibid
