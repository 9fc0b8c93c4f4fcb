#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "components/context.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

inline constexpr const char* claim_kind = "persistentvolumeclaim";
/// Nobody keeps what Redis writes at its end.
inline constexpr const char* data_goes_argument = "data_goes";
inline constexpr const char* nodes_argument = "nodes";
inline constexpr const char* more_nodes_argument = "more_nodes";
/// "kind/name" of what must be gone before the object may go.
inline constexpr const char* needed_by_argument = "needed_by";
/// Between two looks at whether something is gone, or has changed.
inline constexpr Duration undo_poll = std::chrono::milliseconds(200);

/// What the undos do, for one replay of a journal. Each is named after what it takes back, and is a row of
/// add_kubernetes_undos. Error (failure) for what could not be undone, Kept for what is not this run's to remove.
class Undoing {
 public:
  using Arguments = std::map<std::string, std::string>;

  Undoing(Context& context, ClusterSession& session, const std::string& release, const RedisNames& names,
          const UndoScope& scope, std::function<TimePoint()> deadline)
      : m_release(release),
        m_context(context),
        m_helm(session.helm),
        m_kubectl(session.kubectl),
        m_names(names),
        m_scope(scope),
        m_deadline(std::move(deadline)) {}

  void remove_namespace(const Arguments& arguments);
  void remove_secret(const Arguments& arguments);

  /// A Secret or ConfigMap of TLS. It holds nobody's data, so it goes in a recovery, too, unless Redis uses it.
  void remove_certificate(const Arguments& arguments);

  /// The StatefulSet's controller makes it, so that nothing in it tells of our run. It is known to be ours when its
  /// release was, which had to be uninstalled just now: the claim was not there before that run.
  void remove_claim(const Arguments& arguments);
  void remove_backup_claim(const Arguments& arguments);
  void disown(const Arguments& arguments);
  void uninstall(const Arguments& arguments);
  void roll_back(const Arguments& arguments);

  /// Several nodes become one again, without the claims of those that go: they are the run's, and node 0 has what is
  /// in them. Where another one has newer data all stay.
  void leave_replication(const Arguments& arguments);

  /// Of more nodes those that came go again: the master has to be one that stays.
  void as_many_nodes_as_before(const Arguments& arguments);

  /// Several nodes have become one: from when the others went, nobody but node 0 has everything.
  void one_node_stays(const Arguments& arguments);

  /// After a rollback: several nodes that cannot talk to the others any more are replaced at once. Only those, whoever
  /// made them so: they are of no use as they are. Where none is, all take writes again.
  void replace_all(const Arguments& arguments);

  /// The sentinels of several nodes, where those are still there.
  void begin_failovers(const Arguments& arguments);

  /// What was changed inside Redis: in a recovery only while its release is that run's.
  void refuse_other_redis(const Arguments& arguments) const;

 private:
  /// What an undo needs to know of one object.
  struct Found {
    std::string uid;
    std::string run;  ///< which run made it
    std::shared_ptr<const nlohmann::json> object;
  };

  struct Record {
    int version = 0;
    std::string status;
    std::string run;
    bool proven = false;
  };

  static int number_in(const std::string& text);

  /// Throws Kept unless the newest revision of the release is one that the run of these arguments made.
  void refuse_later_change(const std::vector<Record>& records, const Arguments& arguments) const;

  /// How many pods the StatefulSet is to have; 0 without one.
  int nodes_of_workload() const;

  /// How the release speaks TLS now.
  std::optional<TlsClient> tls_client() const;
  bool has_sentinel(const std::string& name) const;

  /// Until it is of the revision that the rollback went back to, and Ready.
  void wait_for_first_pod() const;
  void remove_claims_of_others(int nodes, int first = 1) const;
  static std::string used_since(const std::string& release);
  static void refuse_other_run(const Found& found, const std::string& run, const std::string& what);

  /// Throws Kept unless the data of an interrupted run is to go and nobody's release needs it.
  void keep_left_data(const std::string& release) const;

  /// The record that tells who changed the release last. A rollback that was interrupted is not a change of its own:
  /// its record has the labels of the revision that it goes back to.
  static const Record& last_change(const std::vector<Record>& records, const std::string& run);

  /// The release is what the first install of that run made, and nobody has changed it since, with our labels or (helm
  /// copies them) by hand.
  static bool is_of_run(const std::vector<Record>& records, const std::string& run);

  /// helm's exit code alone proves nothing.
  void check_deployed(const std::string& release) const;

  /// What Redis needs stays as long as Redis may run: an uninstall that did nothing must not cost it claim or Secret.
  void refuse_while_needed(const Arguments& arguments) const;

  /// The StatefulSet whose pods mount it, "" when it is not mounted.
  std::string user_of_secret(const std::string& secret) const;

  /// The revision whose pods the StatefulSet makes, once its controller has taken in the last change; "" when it has
  /// not in time, or there is no StatefulSet: then no pod is known to be of a failed revision.
  std::string present_revision() const;

  /// Deletes that very pod, and waits for its end: not longer than what an undo can spare. Then it is left to its node,
  /// and taken away when nobody keeps its data.
  void end_pod(const std::string& name, const std::string& uid, bool data_goes) const;
  std::vector<Record> records_of(const std::string& release) const;
  std::optional<Found> find(const std::string& kind, const std::string& name) const;
  std::string path_of(const std::string& kind, const std::string& name) const;

  /// Deletes that very object and waits until it is gone.
  void remove(const std::string& kind, const std::string& name, const std::string& uid) const;
  static bool was_gone(const Output& output);
  static bool is_another(const Output& output);

  /// False when there is another object of that name, which is left alone.
  bool begin_removal(const std::string& kind, const std::string& name, const std::string& uid) const;
  bool is_gone_by(const std::string& kind, const std::string& name, const std::string& uid, TimePoint until) const;

  std::string m_release;
  Context& m_context;
  const Helm& m_helm;
  const Kubectl& m_kubectl;
  const RedisNames& m_names;
  const UndoScope& m_scope;
  std::function<TimePoint()> m_deadline;
  std::optional<int> m_rollback_over;               ///< the newest revision before helm rolled back in this replay
  std::map<std::string, std::string> m_claim_uids;  ///< by name, of the release that was uninstalled in this replay
};

}  // namespace raibid
