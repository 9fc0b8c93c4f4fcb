#include "components/redis/place/local/failover_local.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/handover_step.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration look_before_handover = std::chrono::seconds(10);

}  // namespace

FailoverOutcome fail_over_local(Context& context, const RedisSettings& settings, const FailoverRequest& request) {
  LocalNodes nodes = open_local_nodes(context, settings);
  const LocalInstance& instance = nodes.instance();
  context.reporter.heading(fmt::format("This machine, {}", context.paths.shown(instance.folder())));
  JournaledRun run(context,
                   {"failover redis", fmt::format("release {} on this machine", settings.release),
                    journal_key("", settings.name_space, settings.release), instance.folder()},
                   undo_limit);
  refuse_left_of_another_command(context, run, "failover ");
  const Topology before = nodes.look(std::min(context.deadline, context.runner.now() + look_before_handover));
  refuse_handover(before, context.scope(), request.to);
  HandoverResult result;
  result.from = before.master()->name;
  if (request.to && node_name(instance.release(), *request.to) == result.from) {
    return {"", result.from, result.from, false, 0};
  }
  const std::string target = request.to ? node_name(instance.release(), *request.to) : "a replica";
  const Plan plan = {handover_step(context, nodes, before, request.to, target, result)};
  if (context.guard.dry_run()) {
    return {describe_plan(plan), "", "", false, 0};
  }
  request.agree(
      fmt::format("{} hands over to {}: clients of release {} are cut off, and writes wait for about two "
                  "seconds",
                  result.from, target, settings.release));
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a handover leaves nothing in Redis to undo");
  });
  const bool interrupted = run.open();
  run.before([&] {
    if (interrupted) run.recover();
  });
  run.execute(plan);
  return {"", result.from, result.to, result.address_follows, result.seconds};
}

}  // namespace raibid
