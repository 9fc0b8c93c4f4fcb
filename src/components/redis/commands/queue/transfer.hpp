#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

CommandResult queue_import(Context& context, const std::vector<std::string>& arguments);
CommandResult queue_export(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
