#pragma once

#include <vector>

#include "cli/command_table.hpp"

namespace raibid {

/// The rows of the program itself, in the order of --help.
std::vector<CommandRow> own_commands();

CommandRow help_row();

}  // namespace raibid
