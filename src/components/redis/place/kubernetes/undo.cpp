#include "components/redis/place/kubernetes/undo.hpp"

#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "components/redis/place/kubernetes/conversion.hpp"
#include "components/redis/place/kubernetes/undoing.hpp"
#include "tools/failures.hpp"
#include "tools/retry.hpp"

namespace raibid {

namespace {

using Arguments = Undoing::Arguments;

constexpr Duration server_poll = std::chrono::milliseconds(500);

/// Waits until the API server answers. False when it does not until then; `was_away` tells whether there was anything
/// to wait for.
bool server_answers(Context& context, const Kubectl& kubectl, TimePoint until, bool& was_away) {
  was_away = false;
  while (!run(context.runner, kubectl.version(), until).ok()) {
    was_away = true;
    if (context.runner.now() >= until) return false;
    context.runner.wait({}, std::min(until, context.runner.now() + server_poll));
  }
  return true;
}

/// While it lives, the deadline of the context is at least that of the undo: when a run failed because its time was
/// over, the undo's questions still need time.
class UndoTime {
 public:
  UndoTime(Context& context, TimePoint until) : m_context(context), m_before(context.deadline) {
    context.deadline = std::max(context.deadline, until);
  }
  ~UndoTime() { m_context.deadline = m_before; }
  UndoTime(const UndoTime&) = delete;
  UndoTime& operator=(const UndoTime&) = delete;

 private:
  Context& m_context;
  TimePoint m_before;
};

/// An API server that is away for a while (it restarts, the way to it is cut), or answers with an error of its own,
/// must not leave an undo undone: helm cannot be told to try again, so the whole undo is done again.
void patiently(Context& context, const Kubectl& kubectl, const std::function<TimePoint()>& deadline,
               const std::function<void()>& undo) {
  constexpr int most_tries = 5;  // of a server that is there and refuses
  for (int tried = 1;; ++tried) {
    try {
      const UndoTime time(context, deadline());
      return undo();
    } catch (const Error& error) {
      bool was_away = false;
      const bool unreachable = error.code() == ExitCode::preflight;
      if (!unreachable || !server_answers(context, kubectl, deadline(), was_away)) throw;
      if (!was_away && (tried >= (passing_failure(error.message()) ? most_tries : 2) ||
                        context.runner.now() + server_poll * tried >= deadline()))
        throw;
      if (!was_away) context.runner.wait({}, context.runner.now() + server_poll * tried);
    }
  }
}

void refuse_without_run(const Arguments& arguments) {
  if (arguments.contains(run_argument)) return;
  throw Kept("the journal of an older version does not say which run made what: everything that it names is kept");
}

}  // namespace

void add_kubernetes_undos(UndoTable& table, Context& context, ClusterSession& session, const std::string& release,
                          const RedisNames& names, const UndoScope& scope, const std::function<TimePoint()>& deadline) {
  const auto undoing = std::make_shared<Undoing>(context, session, release, names, scope, deadline);
  for (auto& [name, action] : table) {
    if (name.starts_with("kubernetes.restore_") || name.starts_with("certificates.")) {
      action = [&context, &session, deadline, undo = action](const Arguments& arguments) {
        refuse_without_run(arguments);
        patiently(context, session.kubectl, deadline, [&] { undo(arguments); });
      };
    }
    if (!name.starts_with("redis.")) continue;
    action = [&context, &session, deadline, undoing, undo = action](const Arguments& arguments) {
      refuse_without_run(arguments);
      patiently(context, session.kubectl, deadline, [&] { undoing->refuse_other_redis(arguments); });
      undo(arguments);
    };
  }
  const auto add = [&](const std::string& name, void (Undoing::*undo)(const Arguments&)) {
    table[name] = [&context, &session, deadline, undoing, undo](const Arguments& arguments) {
      refuse_without_run(arguments);
      patiently(context, session.kubectl, deadline, [&] { ((*undoing).*undo)(arguments); });
    };
  };
  add("kubernetes.delete_namespace", &Undoing::remove_namespace);
  add("kubernetes.delete_secret", &Undoing::remove_secret);
  add("kubernetes.delete_certificate", &Undoing::remove_certificate);
  add("kubernetes.delete_claim", &Undoing::remove_claim);
  add("kubernetes.delete_backup_claim", &Undoing::remove_backup_claim);
  add("kubernetes.disown", &Undoing::disown);
  add("helm.uninstall", &Undoing::uninstall);
  add("helm.rollback", &Undoing::roll_back);
  add(leave_replication_action, &Undoing::leave_replication);
  add("kubernetes.one_node_stays", &Undoing::one_node_stays);
  add("kubernetes.begin_failovers", &Undoing::begin_failovers);
  add("kubernetes.replace_all", &Undoing::replace_all);
  add(more_nodes_action, &Undoing::as_many_nodes_as_before);
  table["kubernetes.delete"] = refuse_without_run;  // of a version that did not write down whose object it is
}

}  // namespace raibid
