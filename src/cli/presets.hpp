#pragma once

#include <vector>

#include "cli/command_table.hpp"

namespace raibid {

std::vector<CommandRow> presets_rows();

}  // namespace raibid
