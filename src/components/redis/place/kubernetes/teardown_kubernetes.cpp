#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/commands/setup.hpp"
#include "components/redis/commands/teardown.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/repair.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/credentials.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration settle_poll = std::chrono::milliseconds(200);
constexpr Duration settle_limit = std::chrono::seconds(15);

// The credentials of this release may be of another cluster than the context's: then somebody is about to remove the
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

class KubernetesTeardown {
 public:
  KubernetesTeardown(Context& context, const RedisSettings& settings, ClusterSession& session, const Observed& observed,
                     const RedisNames& names, ReleaseLock& lock, const StillOurs& still_ours, bool abandoned)
      : m_context(context),
        m_settings(settings),
        m_session(session),
        m_observed(observed),
        m_names(names),
        m_lock(lock),
        m_still_ours(still_ours),
        m_abandoned(abandoned) {}

  CommandResult run() {
    const bool delete_data = m_context.settings.flag("delete-data");
    const bool keeps_claim = m_observed.claim && !delete_data;
    const auto credentials = find_credentials(m_context.paths, "kubernetes", m_observed.cluster_uid,
                                              m_settings.name_space, m_settings.release);
    if (m_observed.release) plan_release();
    if (m_observed.claim)
      decide(delete_data, "claim", fmt::format("claim {} (the data)", m_names.claim),
             [this] { return remove("persistentvolumeclaim/" + m_names.claim); });
    if (m_observed.secret && m_observed.secret->ours) {
      decide(!keeps_claim, "password", fmt::format("Secret {}", m_names.full),
             [this] { return remove("secret/" + m_names.full); });
    } else if (m_observed.secret) {
      m_stays.push_back(fmt::format("Secret {} (not made by raibid-cli)", m_names.full));
    }
    if (credentials) {
      decide(!keeps_claim, "credentials", m_context.paths.shown(credentials->path), [this, path = credentials->path] {
        remove_tree(path);
        return m_context.paths.shown(path);
      });
    }
    plan_namespace(keeps_claim);
    const std::string subject = fmt::format("release {} in namespace {} of {}", m_settings.release,
                                            m_settings.name_space, m_session.kubectl.cluster().context);
    if (m_removals.empty()) return nothing_to_tear_down(m_context, subject);
    return remove_all(m_context, subject, m_removals, m_stays, m_still_ours, [this] { begin(); });
  }

 private:
  void begin() {
    if (m_observed.name_space && !m_observed.name_space->terminating) m_lock.acquire();
    refuse_if_changed_since(m_context, m_session.kubectl, m_names, m_settings,
                            m_observed);  // the question took its time
    if (!m_observed.release) return;
    const WallTime now = m_context.clock.wall();
    const Repair repair = judge_release(*m_observed.release, m_abandoned || m_lock.took_over(), now);
    refuse_busy_release(repair, *m_observed.release, m_settings.release, m_session.helm,
                        now);  // the rest helm can remove
  }

  void decide(bool goes, const std::string& name, const std::string& what, std::function<std::string()> act) {
    if (goes) {
      m_removals.push_back({name, what, std::move(act)});
    } else {
      m_stays.push_back(what);
    }
  }

  std::string remove(const std::string& object) {
    const auto left =
        std::chrono::duration_cast<std::chrono::seconds>(m_context.deadline - m_context.runner.now()).count();
    m_session.kubectl.run_checked(
        m_session.kubectl.remove({object}, static_cast<int>(std::max<decltype(left)>(left, 1))), m_context.deadline);
    return object + " removed";
  }

  void plan_release() {
    if (!m_observed.release->ours && !m_settings.adopt) {
      throw Error(ExitCode::preflight,
                  fmt::format("release {} in namespace {} was not made by raibid-cli", m_settings.release,
                              m_settings.name_space),
                  "remove it with " + m_session.helm.for_people({"uninstall", m_settings.release}));
    }
    m_removals.push_back(
        {"release", fmt::format("release {} (Redis itself, its Services and settings)", m_settings.release), [this] {
           m_session.helm.run_checked(m_session.helm.uninstall(m_settings.release), m_context.deadline);
           remove("pod/" + m_names.pod);  // waits for the pod, whose last act is to write its data
           return m_settings.release + " removed";
         }});
  }

  void plan_namespace(bool keeps_claim) {
    if (!m_observed.name_space) return;
    const std::string what = "namespace " + m_settings.name_space;
    if (!m_observed.name_space->ours) {
      m_stays.push_back(what + " (not made by raibid-cli)");
    } else if (keeps_claim) {
      m_stays.push_back(what + " (holds the data)");
    } else {
      m_removals.push_back({"namespace", what + ", if nothing else is in it", [this] { return remove_namespace(); }});
    }
  }

  // What the release left behind is collected within moments; what is still there after that is somebody else's.
  std::string remove_namespace() {
    const TimePoint until = std::min(m_context.deadline, m_context.runner.now() + settle_limit);
    std::vector<std::string> contents =
        namespace_contents(m_session.kubectl, lease_object(m_settings.release), m_context.deadline);
    while (!contents.empty() && m_context.runner.now() < until && only_leftovers(contents)) {
      m_context.runner.wait({}, m_context.runner.now() + settle_poll);
      contents = namespace_contents(m_session.kubectl, lease_object(m_settings.release), m_context.deadline);
    }
    if (!contents.empty()) return fmt::format("{} stays: it holds {}", m_settings.name_space, join(contents, ", "));
    return remove("namespace/" + m_settings.name_space);
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
  const StillOurs& m_still_ours;
  bool m_abandoned;
  std::vector<Removal> m_removals;
  std::vector<std::string> m_stays;
};

}  // namespace

CommandResult teardown_redis_kubernetes(Context& context, const RedisSettings& settings) {
  const RedisNames names(settings.release, settings.name_space);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::yes);
  context.reporter.heading(describe(session.kubectl));
  Observed observed = observe(context, session.kubectl, names, settings);
  refuse_other_cluster(context, settings, session.kubectl.cluster(), observed.cluster_uid);

  ReleaseLock lock(context, session.kubectl, settings.release, "teardown redis", context.deadline);
  lock.seen(observed.lease);
  if (!context.settings.flag("dry-run")) lock.refuse_if_held();

  const JournalHeader header = journal_header(
      context, "teardown redis", fmt::format("{}, release {}", describe(session.kubectl), settings.release));
  Journal journal = open_journal(context, journal_key(observed.cluster_uid, settings), header);
  const auto deadline = [&context] { return context.deadline; };
  const UndoScope scope{new_run_id(context.random), UndoScope::LeftData::leave};
  UndoTable undos;
  KubernetesRedis redis(context, session.kubectl, names);
  add_common_undos(undos, [&]() -> RedisConnection& {
    return redis.connection(observed.secret ? observed.secret->password : Secret(), context.deadline);
  });
  add_kubernetes_undos(undos, context, session, settings.release, names, scope, deadline);
  const StillOurs still_ours = [&](Before) -> std::optional<Error> {
    if (std::optional<Error> who = journal.taken_over()) return who;
    return lock.taken_over(context.deadline);
  };
  Executor executor({context.clock, context.signals, context.reporter, undos, nullptr, false, still_ours, scope.run});
  const bool abandoned = journal.interrupted().has_value();
  if (abandoned) {
    if (observed.name_space && !observed.name_space->terminating) lock.acquire();
    recover_interrupted(context, executor, journal, header);
    observed = observe(context, session.kubectl, names, settings);
    lock.seen(observed.lease);
  }
  try {
    CommandResult result =
        KubernetesTeardown(context, settings, session, observed, names, lock, still_ours, abandoned).run();
    journal.close();
    return result;
  } catch (const Error& error) {
    // nothing to undo, but where it stopped midway the next run has to know that nobody else is at work
    if (error.code() != ExitCode::remains) journal.close();
    throw;
  }
}

}  // namespace raibid
