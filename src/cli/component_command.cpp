#include "cli/commands.hpp"
#include "cli/session.hpp"
#include "components/context.hpp"

namespace raibid {

CommandResult run_component_command(const Call& call, const Component& component, const ComponentCommand& command) {
  const CliDependencies& system = call.dependencies;
  const std::vector<OptionSpec> options = all_options(call.table.components(), component.name);
  Session session = open_session(options, call.invocation.flags, system.environment);
  call.reporter = make_reporter(system.terminal, reporter_options(session.settings), system.err);
  for (const std::string& warning : session.warnings) call.reporter->warning(warning);
  system.runner.tell([&reporter = *call.reporter](const std::string& text) { reporter.warning(text); });
  const TimePoint deadline = system.clock.now() + session.settings.duration("timeout");
  Context context{system.runner,
                  system.clock,
                  system.random,
                  system.signals,
                  *call.reporter,
                  system.redis,
                  system.environment,
                  std::move(session.paths),
                  std::move(session.settings),
                  std::move(session.preset),
                  deadline,
                  system.out,
                  system.terminal,
                  call.guard,
                  Files(call.guard)};
  const bool unnamed = call.invocation.object.empty() && command.run_unnamed != nullptr;
  return (unnamed ? command.run_unnamed : command.run)(context, call.invocation.arguments);
}

}  // namespace raibid
