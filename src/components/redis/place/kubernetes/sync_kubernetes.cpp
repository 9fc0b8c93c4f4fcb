#include "components/redis/place/kubernetes/sync_kubernetes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/run/users.hpp"
#include "components/redis/server/running_acl.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// A release, and the Secret that its password is taken from.
struct KeptRelease {
  KeptRelease(Context& context, const RedisSettings& settings)
      : names(settings.release, settings.name_space),
        session(choose_cluster(context, settings.name_space, NeedsHelm::no)),
        observed(observe(context, session.kubectl, names, settings)) {
    if (!observed.workload || !observed.secret) {
      throw_not_installed(context, subject_of(session.kubectl, settings.release));
    }
    refuse_kept_secret(observed, settings, names, context.scope());
  }

  RedisNames names;
  ClusterSession session;
  Observed observed;
};

/// Who may be let in by a server that does not know the store's password yet: this user's credentials file has the one
/// of before.
std::vector<Login> known_logins(const Context& context, const RedisSettings& settings, const Observed& observed) {
  std::vector<Login> all = {admin_login(observed.secret->content), application_login(observed.secret->content)};
  const auto file =
      find_credentials(context.paths, "kubernetes", observed.cluster_uid, settings.name_space, settings.release);
  if (!file) return all;
  if (!file->admin_password.empty()) all.emplace_back(std::string(admin_user), file->admin_password);
  all.emplace_back(file->username == default_user ? "" : file->username, file->password);
  return all;
}

std::unique_ptr<RedisConnection> log_in_somehow(Context& context, KubernetesRedis& redis,
                                                const std::vector<Login>& logins) {
  try {
    return log_in_as_any([&](const Login& login) { return redis.another(login, context.deadline); }, logins);
  } catch (Error& error) {
    if (is_refused_password(error))
      error.with_hint(
          "neither the Secret nor a credentials file of this user has a password that Redis knows; put the one of "
          "before into the store again, or restart Redis, which reads the present one");
    throw error.with_code(ExitCode::preflight);
  }
}

}  // namespace

StoreState look_at_store_kubernetes(Context& context, const RedisSettings& settings) {
  StoreState state;
  if (!settings.existing_secret) return state;
  state.secret = settings.existing_secret->text();
  const RedisNames names(settings.release, settings.name_space);
  if (!kept_by_store(settings, names)) {
    const ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
    state.password = read_existing_secret(context, session.kubectl, *settings.existing_secret);
    return state;
  }
  KeptRelease kept(context, settings);
  state.is_own = true;
  state.password = read_existing_secret(context, kept.session.kubectl, *settings.existing_secret);
  KubernetesRedis redis(context, kept.session.kubectl, kept.names);
  const auto connection = log_in_somehow(context, redis, known_logins(context, settings, kept.observed));
  const std::vector<std::string> hashes =
      running_passwords(*connection, shown_user(application_login(kept.observed.secret->content)));
  state.passwords = hashes.size();
  state.known = std::find(hashes.begin(), hashes.end(), sha256_hex(state.password.reveal())) != hashes.end();
  return state;
}

std::string take_over_users_kubernetes(Context& context, const RedisSettings& settings, const std::string& operation,
                                       bool finish) {
  KeptRelease kept(context, settings);
  const Kubectl& kubectl = kept.session.kubectl;
  const SecretContent& content = kept.observed.secret->content;
  context.reporter.heading(describe(kubectl));
  const Duration patience = context.pace->patience(undo_limit);
  ReleaseLock lock(context, kubectl, settings.release, operation, context.deadline + patience);
  lock.seen(kept.observed.lease);
  if (!context.guard.dry_run()) lock.refuse_if_held();
  JournaledRun run(context,
                   {operation, fmt::format("{}, release {}", describe(kubectl), settings.release),
                    journal_key(kept.observed.cluster_uid, settings.name_space, settings.release)},
                   patience);
  refuse_left_of_another_command(context, run, "credentials ");
  KubernetesRedis redis(context, kubectl, kept.names);
  const std::string what = finish ? "the older password ends" : "the store's password beside the one of before";
  Step users;
  users.name = "users";
  users.intent = what;
  // what lets someone in needs no undo: the next run of it finds it done
  users.undo = [] { return std::vector<Undo>{}; };
  users.act = [&]() -> StepResult {
    const auto connection = log_in_somehow(context, redis, known_logins(context, settings, kept.observed));
    const Secret acl = value_of(content, acl_key);
    let_in(*connection, acl);
    redis.another(application_login(content), context.deadline);
    const auto admin = redis.another(admin_login(content), context.deadline);
    if (finish) settle_acl(*admin, acl);
    return {Outcome::changed, what};
  };
  Plan plan = {users};
  auto file =
      find_credentials(context.paths, "kubernetes", kept.observed.cluster_uid, settings.name_space, settings.release);
  if (file) {
    file->password = application_login(content).password;
    file->username = shown_user(application_login(content));
    file->admin_password = value_of(content, admin_password_key);
    plan.push_back(credentials_step(context, *file, settings.preset));
  }
  if (context.guard.dry_run()) return describe_plan(plan);
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a change of the users alone leaves nothing in Redis to undo");
  });
  run.also_hold([&](Before act) { return lock.taken_over(act == Before::act ? context.deadline : run.undo_until()); });
  const bool interrupted = run.open();
  run.before([&] {
    lock.acquire();
    if (interrupted) run.recover();
    redis.prepare();
  });
  run.execute(plan);
  context.signals.acknowledge();
  lock.release();
  return "";
}

}  // namespace raibid
