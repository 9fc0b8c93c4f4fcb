#pragma once

#include <memory>
#include <vector>

#include "base/change_guard.hpp"
#include "cli/cli.hpp"
#include "cli/command_table.hpp"
#include "cli/invocation.hpp"

namespace raibid {

struct Context;
class Reporter;

/// What a row's `run` gets.
struct Call {
  const CommandTable& table;
  const Invocation& invocation;
  const CliDependencies& dependencies;
  std::unique_ptr<Reporter>& reporter;  ///< replaced once the settings say how it should be
  const ChangeGuard& guard;             ///< in a dry run the dependencies only read, too
};

/// What a command works with: the settings of all sources for `options`; warnings about them are given. Throws as
/// open_session.
Context make_context(const Call& call, const std::vector<OptionSpec>& options);

/// A component's command: settings resolved, then the component's own function.
CommandResult run_component_command(const Call& call, const Component& component, const ComponentCommand& command);

/// The rows of the program itself, in the order of --help.
std::vector<CommandRow> own_commands();

CommandRow config_show_row();
CommandRow version_row();
CommandRow help_row();
std::vector<CommandRow> completion_rows();
std::vector<CommandRow> presets_rows();

}  // namespace raibid
