#include "components/redis/place/kubernetes/failover_kubernetes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/handover.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// The proxies look twice a second, and the new master is given its replica before they lead to it.
constexpr Duration proxies_limit = std::chrono::seconds(15);
constexpr Duration one_look_limit = std::chrono::seconds(5);
constexpr Duration look_at_proxies_again = std::chrono::milliseconds(100);

/// Only a Redis of which nothing is amiss is handed over: whoever is behind would lose what it lacks.
void refuse_unhealthy(const Topology& topology, const Scope& scope) {
  for (const std::string& trouble : {trouble_of_nodes(topology), trouble_of_sentinels(topology)}) {
    if (trouble.empty()) continue;
    throw Error(ExitCode::failure, trouble + "; nothing was changed", "see: " + scope.command("status"));
  }
}

void refuse_no_target(const Topology& topology, std::optional<int> to) {
  if (!to) return;
  const int last = static_cast<int>(topology.nodes.size()) - 1;
  if (*to < 0 || *to > last)
    throw Error(ExitCode::usage, fmt::format("--to {}: there is no such node", *to),
                fmt::format("the nodes are 0 to {}", last));
}

double seconds_since(const Context& context, TimePoint start) {
  return std::chrono::duration<double>(context.clock.now() - start).count();
}

}  // namespace

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
  refuse_no_target(before, request.to);
  refuse_unhealthy(before, context.scope());
  FailoverOutcome outcome;
  outcome.from = before.master()->name;
  if (request.to && names.pod_of(*request.to) == outcome.from) {
    outcome.to = outcome.from;
    return outcome;
  }
  const std::string target = request.to ? names.pod_of(*request.to) : "a replica";
  Step step;
  step.name = "handover";
  step.intent =
      fmt::format("pause writes at {}, promote {}, and cut off the old master's clients", outcome.from, target);
  step.undo = [] { return std::vector<Undo>{}; };  // the pause ends by itself
  step.act = [&]() -> StepResult {
    const TimePoint started = context.clock.now();
    const auto progress = [&](const std::string& what) { context.reporter.step_progress("handover", what); };
    outcome.to = hand_over(ways, before, request.to, context.runner, context.deadline, progress);
    const TimePoint until = context.runner.now() + context.pace->patience(proxies_limit);
    for (;;) {
      const Topology now = ways.look(std::min(context.deadline, context.runner.now() + one_look_limit));
      const bool leads = now.master() != nullptr && trouble_of_proxies(now).empty();
      if (leads || context.runner.now() >= until) {
        outcome.address_follows = leads;
        break;
      }
      context.runner.wait({}, context.runner.now() + look_at_proxies_again);
    }
    outcome.seconds = seconds_since(context, started);
    return {Outcome::changed, fmt::format("{} → {}", outcome.from, outcome.to)};
  };
  const Plan plan = {step};
  if (context.guard.dry_run()) {
    outcome.plan = describe_plan(plan);
    return outcome;
  }
  request.agree(fmt::format("{} hands over to {}: clients of {} are cut off, and writes wait for about two seconds",
                            outcome.from, target, names.workload));
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
  return outcome;
}

}  // namespace raibid
