#pragma once

#include "components/component.hpp"

namespace raibid {

/// `doctor redis`: the preflight checks alone; every one is made, whatever the others say. Changes nothing.
CommandResult doctor_redis(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
