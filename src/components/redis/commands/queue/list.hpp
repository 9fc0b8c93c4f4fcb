#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

CommandResult queue_list(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_show(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_grep(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
