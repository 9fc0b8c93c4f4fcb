#pragma once

#include <memory>
#include <vector>

#include "base/change_guard.hpp"
#include "cli/cli.hpp"
#include "cli/command_table.hpp"
#include "cli/invocation.hpp"
#include "cli/session.hpp"
#include "components/result_format.hpp"

namespace raibid {

class Reporter;

/// How a run speaks, so that an error can be told the same way. Replaced once the settings are known.
struct Speech {
  std::unique_ptr<Reporter> reporter;
  OutputFormat format = OutputFormat::table;
};

/// What a row's `run` gets.
struct Call {
  const CommandTable& table;
  const Invocation& invocation;
  const CliDependencies& dependencies;
  Speech& speech;
  const ChangeGuard& guard;  ///< in a dry run the dependencies only read, too
};

/// Speaks as the settings say from here on, and gives the session's warnings.
Reporter& speak_as(const Call& call, const Session& session);

CommandRow version_row();
std::vector<CommandRow> completion_rows();

}  // namespace raibid
