#pragma once

#include <functional>
#include <string>

#include "components/context.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/settings/naming.hpp"
#include "plan/step.hpp"

namespace raibid {

/// Whose undos are replayed, and what becomes of the data that an interrupted run left.
struct UndoScope {
  enum class LeftData {
    keep,     ///< it stays, and the run goes on with it
    discard,  ///< it goes (--discard-data)
    leave,    ///< it stays for now: the run has its own rules for it (teardown)
  };
  std::string run;  ///< the id of the run that undoes; an undo of another id is the recovery of an interrupted run
  LeftData left_data = LeftData::keep;
};

/// Completes `table` with what the undos of `setup redis` on Kubernetes do; the undos of Redis itself
/// (add_common_undos) have to be in it. All can run twice. Each acts only on what is stamped with its run's id, and on
/// a release only while no later run has found it ready; otherwise it throws Kept. What holds data (claim, Secret,
/// namespace) goes only in the rollback of the very run that made it, unless left_data says otherwise. `deadline` is
/// asked when one runs: undoing has its own minute.
void add_kubernetes_undos(UndoTable& table, Context& context, ClusterSession& session, const std::string& release,
                          const RedisNames& names, const UndoScope& scope, const std::function<TimePoint()>& deadline);

/// The repair of a release uses the undos of helm, and names instead of a run the newest revision that it has judged.
inline constexpr const char* judged_argument = "judged";

/// After the rollback of a change that replaced all nodes at once: the same again.
Undo undo_replacing_all(const Kubectl& kubectl, const RedisNames& names);

/// Builders for the records that those undo.
Undo undo_namespace(const Kubectl& kubectl, const std::string& release, const std::string& secret);
/// `needed_by`: "kind/name" of what must be gone first, "" when nothing needs the object.
Undo undo_secret(const Kubectl& kubectl, const std::string& secret, const std::string& needed_by = {});
/// Of TLS: `kind` is secret or configmap.
Undo undo_certificate_object(const Kubectl& kubectl, const std::string& kind, const std::string& name);
Undo undo_claim(const Kubectl& kubectl, const std::string& claim, const std::string& needed_by);
/// One that setup makes for backups. It stays once a backup may be in it: when it is not this run that is undone, or
/// the CronJob is still there.
Undo undo_backup_claim(const Kubectl& kubectl, const std::string& claim);
/// Takes back only our own fields of a Secret that was adopted.
Undo undo_adoption(const Kubectl& kubectl, const std::string& secret);
/// `data_goes`: the claim is of this run's making, or there is none. Then a pod that does not end within seconds is
/// taken away: a sidecar of someone else, or a SIGTERM that came before anything listened to it, costs no minute.
Undo undo_install(const Helm& helm, const std::string& release, const std::string& pod, bool data_goes, int nodes = 1);
/// `newest` is the newest revision before the change, `revision` the one to go back to.
Undo undo_upgrade(const Helm& helm, const std::string& release, int revision, int newest, const std::string& pod);

/// The same of a change from several nodes to one: once the others go it is not taken back, for they fall behind.
Undo undo_to_one_node(const Helm& helm, const std::string& release, int revision, int newest, const std::string& pod);
/// The same of a change from several nodes to more: those that came go again, with their claims, once one of the others
/// is the master.
struct NodeNumbers {
  int before, after;
};
inline constexpr const char* more_nodes_action = "kubernetes.as_many_nodes";
Undo undo_more_nodes(const Helm& helm, const std::string& release, int revision, int newest, const std::string& pod,
                     NodeNumbers nodes);
/// Sentinels that were told to forget the master.
Undo undo_end_of_failovers(const Kubectl& kubectl, const RedisNames& names, int nodes);

}  // namespace raibid
