#pragma once

#include "cli/command_table.hpp"

namespace raibid {

CommandRow config_show_row();

}  // namespace raibid
