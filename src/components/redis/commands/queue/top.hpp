#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

CommandResult queue_top(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
