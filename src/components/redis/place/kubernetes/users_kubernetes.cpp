#include "components/redis/place/kubernetes/users_kubernetes.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/node_servers.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/run/users.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

std::string change_users_kubernetes(Context& context, const RedisSettings& settings, const UsersPlan& plan) {
  const RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  context.reporter.heading(describe(kubectl));
  const Observed observed = observe(context, kubectl, names, settings);
  const std::string subject = fmt::format("{}, release {}", describe(kubectl), settings.release);
  if (!observed.workload || !observed.secret) {
    throw_not_installed(context, subject_of(kubectl, settings.release));
  }
  if (!observed.secret->ours) {
    throw Error(ExitCode::preflight, fmt::format("Secret {} was not made by raibid-cli", names.full),
                "its password is changed where it comes from");
  }
  if (!observed.secret->controller.empty()) {
    throw Error(ExitCode::preflight,
                fmt::format("Secret {} belongs to {}, which would take the change back", names.full,
                            observed.secret->controller),
                "change the password where that takes it from; for that setup has to know whose it is: " +
                    context.scope().command("setup redis", "--existing-secret " + names.full));
  }
  const Duration patience = context.pace->patience(undo_limit);
  ReleaseLock lock(context, kubectl, settings.release, plan.operation, context.deadline + patience);
  lock.seen(observed.lease);
  if (!context.guard.dry_run()) lock.refuse_if_held();
  JournaledRun run(context,
                   {plan.operation, subject, journal_key(observed.cluster_uid, settings.name_space, settings.release)},
                   patience);
  refuse_left_of_another_command(context, run, "credentials ");
  KubernetesRedis redis(context, kubectl, names);
  redis.prefer_stream();
  redis.speak_tls(observed.tls_client(), observed.port());
  const auto until = [&context] { return context.deadline; };
  const auto undo_until = [&run] { return run.undo_until(); };
  SecretStore store(context, kubectl, names.full, until);
  SecretStore undo_store(context, kubectl, names.full, undo_until);
  store.tell_pods(names.pods(observed.nodes()));
  undo_store.tell_pods(names.pods(observed.nodes()));
  NodeWays ways(context, kubectl, names, observed.nodes(), {});
  ways.speak_tls(observed.tls_client());
  NodeServers nodes(context, kubectl, ways, until);
  NodeServers undo_nodes(context, kubectl, ways, undo_until);
  const auto servers_until = [&](NodeServers& several, const std::function<TimePoint()>& deadline) {
    if (observed.ha()) return several.servers();
    return UserServers(LogIn([&redis, deadline](const Login& login) { return redis.another(login, deadline()); }));
  };
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a change of the users alone leaves nothing in Redis to undo");
  });
  add_users_undo(run.undos(), undo_store, servers_until(undo_nodes, undo_until));
  run.also_hold([&](Before what) { return lock.taken_over(what == Before::act ? context.deadline : undo_until()); });
  auto file =
      find_credentials(context.paths, "kubernetes", observed.cluster_uid, settings.name_space, settings.release);
  const Plan steps = credentials_plan(context, store, servers_until(nodes, until), plan.change, plan.what, run.id(),
                                      file, settings.preset);
  if (context.guard.dry_run()) return describe_plan(steps);
  const bool interrupted = run.open();
  run.before([&] {
    lock.acquire();
    if (interrupted) run.recover();
    if (!observed.ha()) redis.prepare();
  });
  run.execute(steps);
  forget_previous_users(store);
  context.signals.acknowledge();
  lock.release();
  return "";
}

}  // namespace raibid
