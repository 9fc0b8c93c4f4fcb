#include "cli/component_command.hpp"

#include "cli/commands.hpp"
#include "cli/session.hpp"
#include "components/context.hpp"
#include "components/registry.hpp"
#include "sys/process.hpp"

namespace raibid {

Context make_context(const Call& call, const std::vector<OptionSpec>& options, std::optional<ShownTimeline>& timeline) {
  const CliDependencies& system = call.dependencies;
  Session session = open_session(options, call.invocation.flags, system.environment);
  call.reporter = make_reporter(system.terminal, reporter_options(session.settings), system.err);
  for (const std::string& warning : session.warnings) call.reporter->warning(warning);
  system.runner.tell([&reporter = *call.reporter](const std::string& text) { reporter.warning(text); });
  if (session.settings.flag("timing")) timeline.emplace(system, system.runner);
  const TimePoint deadline = system.clock.now() + session.settings.duration("timeout");
  return Context{system.runner,
                 system.clock,
                 system.random,
                 system.signals,
                 *call.reporter,
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
