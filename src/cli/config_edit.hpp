#pragma once

#include <vector>

#include "cli/command_table.hpp"

namespace raibid {

/// `config set KEY VALUE…` and `config unset KEY` change config.yaml (or the file of --config); `config use` chooses,
/// for this folder and all below it, which Redis is meant, in a file .raibid.yaml.
std::vector<CommandRow> config_edit_rows();

}  // namespace raibid
