#include "cli/component_command.hpp"

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/session.hpp"
#include "components/context.hpp"
#include "components/registry.hpp"
#include "sys/process.hpp"

#include <fmt/format.h>

namespace raibid {

Reporter& speak_as(const Call& call, const Session& session) {
  const CliDependencies& system = call.dependencies;
  call.speech.format = output_format(session.settings.text("output"));
  call.speech.reporter = make_reporter(system.terminal, reporter_options(session.settings), system.err);
  for (const std::string& warning : session.warnings) call.speech.reporter->warning(warning);
  if (!session.folder_file.empty()) call.speech.reporter->note(session.folder_file);
  const CommandRow& row = *call.invocation.row;
  const bool refused = (call.speech.format == OutputFormat::junit && !row.junit) ||
                       (call.speech.format == OutputFormat::name && !row.names);
  if (refused) {
    call.speech.format = OutputFormat::table;
    throw Error(ExitCode::usage,
                fmt::format("'raibid-cli {}' cannot write {}", row.name(), session.settings.text("output")),
                fmt::format("it writes: -o table, -o json, -o yaml{}{}", row.junit ? ", -o junit" : "",
                            row.names ? ", -o name" : ""));
  }
  return *call.speech.reporter;
}

Context make_context(const Call& call, const std::vector<OptionSpec>& options, std::optional<ShownTimeline>& timeline) {
  const CliDependencies& system = call.dependencies;
  Session session = open_session(options, call.invocation.flags, system.environment);
  Reporter& reporter = speak_as(call, session);
  system.runner.tell([&reporter](const std::string& text) { reporter.warning(text); });
  const bool debug = session.settings.flag("debug");
  const ShownTimeline::Shown shown{session.settings.flag("timing"), debug || session.settings.flag("verbose"), debug};
  if (shown.any()) timeline.emplace(system, system.runner, reporter, shown);
  const TimePoint deadline = system.clock.now() + session.settings.duration("timeout");
  return Context{system.runner,
                 system.clock,
                 system.random,
                 system.signals,
                 reporter,
                 timeline ? timeline->redis() : system.redis,
                 system.environment,
                 std::move(session.paths),
                 std::move(session.settings),
                 std::move(session.preset),
                 deadline,
                 system.out,
                 system.terminal,
                 call.guard,
                 Files(call.guard)};
}

CommandResult run_component_command(const Call& call, const Component& component, const ComponentCommand& command) {
  std::optional<ShownTimeline> timeline;
  Context context = make_context(call, all_options(call.table.components(), component.name), timeline);
  const bool unnamed = call.invocation.object.empty() && command.run_unnamed != nullptr;
  return (unnamed ? command.run_unnamed : command.run)(context, call.invocation.arguments);
}

}  // namespace raibid
