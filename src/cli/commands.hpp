#pragma once

#include <memory>
#include <vector>

#include "base/change_guard.hpp"
#include "cli/cli.hpp"
#include "cli/command_table.hpp"
#include "cli/invocation.hpp"

namespace raibid {

class Reporter;

/// What a row's `run` gets.
struct Call {
  const CommandTable& table;
  const Invocation& invocation;
  const CliDependencies& dependencies;
  std::unique_ptr<Reporter>& reporter;  ///< replaced once the settings say how it should be
  const ChangeGuard& guard;             ///< in a dry run the dependencies only read, too
};

CommandRow version_row();
std::vector<CommandRow> completion_rows();

}  // namespace raibid
