#pragma once

#include <vector>

#include "components/component.hpp"
#include "config/option.hpp"

namespace raibid {

std::vector<OptionSpec> doctor_options();

/// `doctor redis`: the preflight checks alone; every one is made, whatever the others say. Changes nothing. With
/// --role it prints the rights that setup needs, and asks nobody.
CommandResult doctor_redis(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
