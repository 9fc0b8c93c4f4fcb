#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

std::vector<OptionSpec> failover_options();

/// `raibid-cli failover redis`.
CommandResult failover_redis(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
