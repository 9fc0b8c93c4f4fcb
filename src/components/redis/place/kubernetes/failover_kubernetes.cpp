#include "components/redis/place/kubernetes/failover_kubernetes.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/handover_step.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

FailoverOutcome fail_over_kubernetes(Context& context, const RedisSettings& settings, const FailoverRequest& request) {
  const RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  context.reporter.heading(describe(kubectl));
  const Observed observed = observe(context, kubectl, names, settings);
  const std::string subject = fmt::format("{}, release {}", describe(kubectl), settings.release);
  if (!observed.workload) {
    throw_not_installed(context, subject_of(kubectl, settings.release));
  }
  if (!observed.ha())
    throw Error(ExitCode::preflight,
                fmt::format("release {} has one node: there is nobody to hand over to", settings.release),
                "only a Redis that was set up with --ha has replicas");
  const Duration patience = context.pace->patience(undo_limit);
  ReleaseLock lock(context, kubectl, settings.release, "failover redis", context.deadline + patience);
  lock.seen(observed.lease);
  if (!context.guard.dry_run()) lock.refuse_if_held();
  JournaledRun run(
      context, {"failover redis", subject, journal_key(observed.cluster_uid, settings.name_space, settings.release)},
      patience);
  refuse_left_of_another_command(context, run, "failover ");
  NodeWays ways(context, kubectl, names, observed.nodes(), observed.content());
  ways.speak_tls(observed.tls_client());
  const Topology before = ways.look(question_deadline(context));
  refuse_handover(before, context.scope(), request.to);
  HandoverResult result;
  result.from = before.master()->name;
  if (request.to && names.pod_of(*request.to) == result.from) {
    return {"", result.from, result.from, false, 0};
  }
  const std::string target = request.to ? names.pod_of(*request.to) : "a replica";
  const Plan plan = {handover_step(context, ways, before, request.to, target, result)};
  if (context.guard.dry_run()) {
    return {describe_plan(plan), "", "", false, 0};
  }
  request.agree(fmt::format("{} hands over to {}: clients of {} are cut off, and writes wait for about two seconds",
                            result.from, target, names.workload));
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a handover leaves nothing in Redis to undo");
  });
  run.also_hold(
      [&](Before what) { return lock.taken_over(what == Before::act ? context.deadline : run.undo_until()); });
  const bool interrupted = run.open();
  run.before([&] {
    lock.acquire();
    if (interrupted) run.recover();
  });
  run.execute(plan);
  context.signals.acknowledge();
  lock.release();
  return {"", result.from, result.to, result.address_follows, result.seconds};
}

}  // namespace raibid
