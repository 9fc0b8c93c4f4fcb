#include "cli/commands.hpp"
#include "cli/session.hpp"
#include "components/context.hpp"
#include "sys/process.hpp"
#include "sys/timeline.hpp"
#include "tools/timed_redis.hpp"

#include <optional>
#include <ostream>

namespace raibid {

namespace {

/// The timeline of --timing: written when the command ends, however it does.
class ShownTimeline {
 public:
  ShownTimeline(const CliDependencies& system, Runner& runner)
      : m_timeline(system.clock), m_redis(system.redis, m_timeline), m_runner(runner), m_err(system.err) {
    runner.record(&m_timeline);
  }
  ~ShownTimeline() {
    m_runner.record(nullptr);
    m_err << m_timeline.text();
  }
  ShownTimeline(const ShownTimeline&) = delete;
  ShownTimeline& operator=(const ShownTimeline&) = delete;

  RedisConnector& redis() { return m_redis; }

 private:
  Timeline m_timeline;
  TimedRedis m_redis;
  Runner& m_runner;
  std::ostream& m_err;
};

}  // namespace

CommandResult run_component_command(const Call& call, const Component& component, const ComponentCommand& command) {
  const CliDependencies& system = call.dependencies;
  const std::vector<OptionSpec> options = all_options(call.table.components(), component.name);
  Session session = open_session(options, call.invocation.flags, system.environment);
  call.reporter = make_reporter(system.terminal, reporter_options(session.settings), system.err);
  for (const std::string& warning : session.warnings) call.reporter->warning(warning);
  system.runner.tell([&reporter = *call.reporter](const std::string& text) { reporter.warning(text); });
  std::optional<ShownTimeline> timeline;
  if (session.settings.flag("timing")) timeline.emplace(system, system.runner);
  const TimePoint deadline = system.clock.now() + session.settings.duration("timeout");
  Context context{system.runner,
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
  const bool unnamed = call.invocation.object.empty() && command.run_unnamed != nullptr;
  return (unnamed ? command.run_unnamed : command.run)(context, call.invocation.arguments);
}

}  // namespace raibid
