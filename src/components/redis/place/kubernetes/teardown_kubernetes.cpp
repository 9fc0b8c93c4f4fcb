#include "components/redis/place/kubernetes/teardown_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/namespace_contents.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/conversion.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/node_servers.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/release_certificates.hpp"
#include "components/redis/place/kubernetes/release_reader.hpp"
#include "components/redis/place/kubernetes/repair.hpp"
#include "components/redis/place/kubernetes/restore_kubernetes.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/place/kubernetes/vanished.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/removal.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/settings/record.hpp"
#include "components/redis/settings/spec.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration settle_poll = std::chrono::milliseconds(200);
constexpr Duration settle_limit = std::chrono::seconds(15);
constexpr Duration handover_limit = std::chrono::seconds(40);
/// Sentinels name the new master a moment after the handover; what is broken for longer is not waited for.
constexpr Duration handover_patience = std::chrono::seconds(20);

// The credentials of this release may be of another cluster than the context's: then someone is about to remove the
// wrong Redis.
void refuse_other_cluster(const Context& context, const RedisSettings& settings, const Cluster& cluster,
                          const std::string& uid) {
  if (find_credentials(context.paths, "kubernetes", uid, settings.name_space, settings.release)) return;
  for (const Credentials& other : all_credentials(context.paths)) {
    const bool same =
        other.target == "kubernetes" && other.release == settings.release && other.name_space == settings.name_space;
    if (!same || other.cluster_uid.empty() || other.cluster_uid == uid) continue;
    throw Error(
        ExitCode::preflight,
        fmt::format(
            "the credentials of release {} belong to the cluster of context {} ({}), but this is context {} ({})",
            settings.release, other.context, other.cluster_uid, cluster.context, uid),
        fmt::format("choose the cluster: --context {}; or, when this one is meant, move {} away first",
                    shell_quote(other.context), context.paths.shown(other.path)));
  }
}

/// A record that cannot be read says nothing, and is no reason to keep a release.
void refuse_contradiction(const Context& context, const Observed& observed) {
  std::string preset;
  try {
    preset = parse_spec(observed.recorded_spec()).preset;
  } catch (const Error&) {
    return;
  }
  refuse_other_preset(context, preset);
}

class KubernetesTeardown {
 public:
  KubernetesTeardown(Context& context, const RedisSettings& settings, ClusterSession& session, const Observed& observed,
                     const RedisNames& names, ReleaseLock& lock)
      : m_context(context),
        m_settings(settings),
        m_session(session),
        m_observed(observed),
        m_names(names),
        m_lock(lock) {}

  std::string subject() const {
    return fmt::format("release {} in namespace {} of {}", m_settings.release, m_settings.name_space,
                       m_session.kubectl.cluster().context);
  }

  /// What there is now.
  Removals plan() {
    m_removals = {};
    m_nodes = m_observed.nodes();
    const bool delete_data = m_context.settings.flag("delete-data");
    const bool keeps_claim = !m_observed.claims.empty() && !delete_data;
    const auto credentials = find_credentials(m_context.paths, "kubernetes", m_observed.cluster_uid,
                                              m_settings.name_space, m_settings.release);
    if (keeps_claim) refuse_losing_claim(m_observed, m_settings, m_names, m_session.kubectl);
    if (was_left_behind(m_observed, m_settings)) throw left_behind(m_observed, m_settings, m_names, m_session.kubectl);
    if (m_observed.record) plan_release(keeps_claim);
    for (const Release::Claim& claim : m_observed.claims)
      decide(delete_data, "claim",
             {"PersistentVolumeClaim", claim.name, fmt::format("claim {} (the data)", claim.name)},
             [this, name = claim.name] { return remove("persistentvolumeclaim/" + name); });
    for (const Release::Claim& claim : m_observed.followers.claims)
      decide(delete_data, "claim",
             {"PersistentVolumeClaim", claim.name, fmt::format("claim {} (of a replica)", claim.name)},
             [this, name = claim.name] { return remove("persistentvolumeclaim/" + name); });
    plan_backups();
    const bool kept = m_observed.secret && (!m_observed.secret->controller.empty() || names_own_secret());
    if (kept) {
      const std::string& controller = m_observed.secret->controller;
      m_removals.stays.push_back({"Secret", m_names.full,
                                  fmt::format("Secret {} ({} keeps it)", m_names.full,
                                              controller.empty() ? std::string("a secret store") : controller)});
    } else if (m_observed.secret && m_observed.secret->ours) {
      decide(!keeps_claim, "password", {"Secret", m_names.full, fmt::format("Secret {}", m_names.full)},
             [this] { return remove("secret/" + m_names.full); });
    } else if (m_observed.secret) {
      m_removals.stays.push_back(
          {"Secret", m_names.full, fmt::format("Secret {} (not made by raibid-cli)", m_names.full)});
    }
    plan_certificate(keeps_claim);
    if (credentials) {
      const std::string file = m_context.paths.shown(credentials->path);
      decide(!keeps_claim, "credentials", {"File", file, file},
             [this, credentials] { return remove_credentials(m_context, *credentials); });
    }
    plan_namespace(keeps_claim);
    return std::move(m_removals);
  }

  /// Before the first is removed. `abandoned`: who worked on the release is dead.
  void begin(bool abandoned) {
    if (m_observed.name_space && !m_observed.name_space->terminating) m_lock.acquire();
    refuse_if_changed_since(m_context, m_session.kubectl, m_names, m_settings,
                            m_observed);  // the question took its time
    if (!m_observed.record) return;
    const WallTime now = m_context.clock.wall();
    const Repair repair = judge_release(*m_observed.record, abandoned || m_lock.took_over(), now);
    refuse_busy_release(repair, *m_observed.record, m_settings.release, m_session.helm,
                        now);  // the rest helm can remove
  }

 private:
  /// Whether the release was set up with its own Secret as that of --existing-secret.
  bool names_own_secret() const {
    try {
      const auto reference = existing_secret_of(parse_spec(m_observed.recorded_spec()));
      return reference && reference->name == m_names.full;
    } catch (const Error&) {
      return false;  // a record that cannot be read says nothing
    }
  }

  void decide(bool goes, const std::string& name, const Named& object, std::function<std::string()> act) {
    if (goes) {
      m_removals.goes.push_back({name, object, std::move(act)});
    } else {
      m_removals.stays.push_back(object);
    }
  }

  /// Never with the data: a backup is what is left when they are gone.
  void plan_backups() {
    const auto& claim = m_observed.backup_claim;
    if (!claim || !claim->ours) return;
    decide(m_context.settings.flag("delete-backups"), "backups",
           {"PersistentVolumeClaim", claim->name, fmt::format("claim {} (backups)", claim->name)},
           [this, name = claim->name] { return remove("persistentvolumeclaim/" + name); });
  }

  bool keeps_backups() const { return m_observed.backup_claim && !m_context.settings.flag("delete-backups"); }

  /// Like the password: with the data that stays its clients keep the CA that they trust.
  void plan_certificate(bool keeps_claim) {
    const auto plan_one = [&](const std::optional<TlsObjects::Object>& object, const std::string& kind,
                              const std::string& name) {
      if (!object || !object->ours) return;
      decide(!keeps_claim, "certificate", {kind, name, fmt::format("{} {}", kind, name)},
             [this, kind, name] { return remove(to_lower(kind) + "/" + name); });
    };
    if (m_observed.tls.issued && m_observed.tls.issued->ours) {
      decide(!keeps_claim, "certificate",
             {"Certificate", m_names.certificate, fmt::format("Certificate {}", m_names.certificate)},
             [this] { return remove("certificate.cert-manager.io/" + m_names.certificate); });
    }
    plan_one(m_observed.tls.certificate, "Secret", m_names.certificate);
    plan_one(m_observed.tls.authority, "Secret", m_names.authority);
    plan_one(m_observed.tls.trust, "ConfigMap", m_names.authority);
  }

  std::string remove(const std::string& object) {
    remove_and_check(m_context, m_session.kubectl, {object}, m_context.deadline);
    return object + " removed";
  }

  /// The record goes with the release: what was chosen for the data that stays is kept beside it, for the next setup.
  void keep_record() {
    if (!m_observed.workload || m_observed.workload->spec.empty()) return;
    nlohmann::json patch;
    patch["metadata"]["annotations"][spec_annotation] = m_observed.workload->spec;
    patch["metadata"]["annotations"][has_everything_annotation] =
        m_first_has_everything ? nlohmann::json("true") : nlohmann::json();
    try {
      m_session.kubectl.run_checked(m_session.kubectl.merge("persistentvolumeclaim/" + m_names.claim, patch),
                                    m_context.deadline);
    } catch (const Error& error) {
      m_context.reporter.warning(
          fmt::format("the next setup will not know what was chosen for this one (--stream, --memory-limit, …): it "
                      "could not be written to claim {}: {}",
                      m_names.claim, error.message()));
    }
  }

  /// Claim 0 then has everything, for whoever looks at the data alone. Where it does not come about nothing is lost:
  /// all claims stay, and the next setup finds the newest data by itself.
  void hand_over_to_first() {
    const TimePoint until =
        std::min(m_context.deadline, m_context.runner.now() + m_context.pace->patience(handover_limit));
    const auto progress = [this](const std::string& what) { m_context.reporter.step_progress("release", what); };
    try {
      NodeWays ways(m_context, m_session.kubectl, m_names, m_nodes, m_observed.content());
      ways.speak_tls(m_observed.tls_client());
      const NodeConversion conversion{m_context, m_session.kubectl, m_names, m_settings.release, m_nodes, progress};
      make_first_the_master(ways, conversion.addresses(until).front(), m_context.runner,
                            m_context.pace->patience(handover_patience), until, progress);
      m_first_has_everything = true;
    } catch (const Error& error) {
      m_context.reporter.note(fmt::format("claim {} may lack the newest data, which another claim has: {}",
                                          m_names.claim, error.message()));
    }
  }

  void plan_release(bool keeps_claim) {
    if (!m_observed.record->ours && !m_settings.adopt) {
      throw Error(ExitCode::preflight,
                  fmt::format("release {} in namespace {} was not made by raibid-cli", m_settings.release,
                              m_settings.name_space),
                  "remove it with " + m_session.helm.for_people({"uninstall", m_settings.release}));
    }
    m_removals.goes.push_back(
        {"release",
         {"Release", m_settings.release,
          fmt::format("release {} (Redis itself, its Services and settings)", m_settings.release)},
         [this, keeps_claim] {
           if (keeps_claim && m_nodes > 1) hand_over_to_first();
           if (keeps_claim) keep_record();
           run_helm(m_context, m_session.kubectl, m_session.helm, m_settings.release,
                    m_session.helm.uninstall(m_settings.release), m_context.deadline);
           // helm ends well, too, when it has left everything where it is; what comes after this needs Redis to be gone
           const TimePoint until =
               std::min(m_context.deadline, m_context.runner.now() + m_context.pace->patience(settle_limit));
           check_workload_gone(m_context, m_session.kubectl, m_names, until, m_context.deadline);
           // waits for the pods, whose last act is to write their data
           for (int node = 0; node < m_nodes; ++node) remove("pod/" + m_names.pod_of(node));
           for (const Release::Pod& pod : m_observed.followers.pods) remove("pod/" + pod.name);
           return m_settings.release + " removed";
         }});
  }

  void plan_namespace(bool keeps_claim) {
    if (!m_observed.name_space) return;
    const std::string what = "namespace " + m_settings.name_space;
    if (!m_observed.name_space->ours) {
      m_removals.stays.push_back({"Namespace", m_settings.name_space, what + " (not made by raibid-cli)"});
    } else if (keeps_claim) {
      m_removals.stays.push_back({"Namespace", m_settings.name_space, what + " (holds the data)"});
    } else if (keeps_backups()) {
      m_removals.stays.push_back({"Namespace", m_settings.name_space, what + " (holds the backups)"});
    } else {
      m_removals.goes.push_back({"namespace",
                                 {"Namespace", m_settings.name_space, what + ", if nothing else is in it"},
                                 [this] { return remove_namespace(); }});
    }
  }

  // What the release left behind is collected within moments; what is still there after that is someone else's.
  std::string remove_namespace() {
    const TimePoint until =
        std::min(m_context.deadline, m_context.runner.now() + m_context.pace->patience(settle_limit));
    std::vector<std::string> contents =
        namespace_contents(m_session.kubectl, lease_object(m_settings.release), m_context.deadline);
    while (!contents.empty() && m_context.runner.now() < until && only_leftovers(contents)) {
      m_context.runner.wait({}, m_context.runner.now() + settle_poll);
      contents = namespace_contents(m_session.kubectl, lease_object(m_settings.release), m_context.deadline);
    }
    if (!contents.empty()) return fmt::format("{} stays: it holds {}", m_settings.name_space, join(contents, ", "));
    remove_namespace_and_check(m_context, m_session.kubectl, m_context.deadline);
    return "namespace/" + m_settings.name_space + " removed";
  }

  bool only_leftovers(const std::vector<std::string>& contents) const {
    return std::all_of(contents.begin(), contents.end(),
                       [this](const std::string& name) { return name.find(m_names.full) != std::string::npos; });
  }

  Context& m_context;
  const RedisSettings& m_settings;
  ClusterSession& m_session;
  const Observed& m_observed;
  const RedisNames& m_names;
  ReleaseLock& m_lock;
  Removals m_removals;
  int m_nodes = 1;
  bool m_first_has_everything = false;  ///< of several nodes
};

}  // namespace

namespace {

/// The claim with the backups, whatever the release was set up with last.
Observed observe_with_backups(Context& context, const Kubectl& kubectl, const RedisNames& names,
                              const RedisSettings& settings) {
  Observed observed = observe(context, kubectl, names, settings);
  for (const nlohmann::json& claim :
       look_for_if_allowed(context, kubectl, {"persistentvolumeclaim/" + names.backup}, context.deadline))
    take_object(observed, claim, kubectl);
  return observed;
}

}  // namespace

CommandResult teardown_redis_kubernetes(Context& context, const RedisSettings& settings) {
  const RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::yes);
  context.reporter.heading(describe(session.kubectl));
  Observed observed = observe_with_backups(context, session.kubectl, names, settings);
  refuse_other_cluster(context, settings, session.kubectl.cluster(), observed.cluster_uid);
  refuse_contradiction(context, observed);

  ReleaseLock lock(context, session.kubectl, settings.release, "teardown redis", context.deadline);
  lock.seen(observed.lease);
  if (!context.guard.dry_run()) lock.refuse_if_held();

  KubernetesTeardown teardown(context, settings, session, observed, names, lock);
  const std::string subject = teardown.subject();
  JournaledRun run(context,
                   {"teardown redis", fmt::format("{}, release {}", describe(session.kubectl), settings.release),
                    journal_key(observed.cluster_uid, settings.name_space, settings.release)},
                   Duration::zero());
  const Removals agreed = teardown.plan();
  if (auto ended = ask_before_teardown(context, subject, run.left(), agreed)) return *ended;

  const bool abandoned = run.open();
  const UndoScope scope{run.id(), UndoScope::LeftData::leave};
  KubernetesRedis redis(context, session.kubectl, names);
  redis.lead_to(names.way_to_master(observed.ha()));
  redis.speak_tls(observed.tls_client(), observed.port());
  ReleaseCertificates certificates(context, session.kubectl, names, settings.release, run.id(),
                                   [&context] { return context.deadline; });
  add_restore_undos(run.undos(), context, session.kubectl, [&context] { return context.deadline; });
  add_release_certificates_undos(run.undos(), certificates);
  add_certificates_undo(run.undos(), certificates, [&](const SecretContent& content) {
    if (!observed.tls_client()) return;
    const Login login = observed.secret ? admin_login(observed.secret->content) : Login();
    if (observed.ha()) return;  // all of them go
    certificates.serve(names.pod, redis.connection_or_none(login, context.deadline), content, [&] {
      redis.speak_tls(release_tls(content, observed.tls_choice(), names), observed.port());
      return redis.another(login, context.deadline);
    });
  });
  add_common_undos(run.undos(), context, [&]() -> RedisConnection& {
    return redis.connection(observed.secret ? admin_login(observed.secret->content) : Login(), context.deadline);
  });
  SecretStore store(context, session.kubectl, names.full, [&context] { return context.deadline; });
  NodeWays ways(context, session.kubectl, names, observed.nodes(), {});
  ways.speak_tls(observed.tls_client());
  NodeServers nodes(context, session.kubectl, ways, [&context] { return context.deadline; });
  add_users_undo(run.undos(), store, observed.ha() ? nodes.servers() : UserServers(LogIn([&](const Login& login) {
                   return redis.another(login, context.deadline);
                 })));
  add_kubernetes_undos(run.undos(), context, session, settings.release, names, scope,
                       [&context] { return context.deadline; });
  // all nodes go, or their claims stay together, from which the newest data is found: see the chart's ha.sh
  for (const char* const action : {conversion_action, more_nodes_action})
    run.undos()[action] = [](const auto&) { throw Kept(""); };
  run.also_hold([&](Before) { return lock.taken_over(context.deadline); });
  if (abandoned) {
    if (observed.name_space && !observed.name_space->terminating) lock.acquire();
    run.recover();
  }
  std::optional<CommandResult> result;
  // nothing to undo, but where it stops midway the journal stays: the next run has to know that nobody is at work
  run.before([&] {
    Removals now = agreed;
    if (abandoned || !context.settings.flag("yes")) {  // undone, or thought about: things may have changed
      observed = observe_with_backups(context, session.kubectl, names, settings);
      lock.seen(observed.lease);
      now = teardown.plan();
    }
    if (now.goes.empty() || !agreed.cover(now)) result = ask_before_teardown(context, subject, std::nullopt, now);
    if (result) return;
    teardown.begin(abandoned);
    result = remove_all(context, subject, now, run.still_ours());
  });
  run.close();
  return *result;
}

}  // namespace raibid
