#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/storage_kubernetes.hpp"
#include "components/redis/place/status_facts.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// One Redis that status looked at.
struct Seen {
  std::string release;
  std::string place;  ///< "namespace jobs" or "this machine"
  std::string title;
  StatusReport report;
};

/// Looks at many at once: every release of the cluster, every instance of this machine. Port-forwards stay open between
/// looks.
class StatusBoard {
 public:
  /// What to look at. A cluster that need not be there (`cluster_may_be_absent`) is left out with a note when it cannot
  /// be chosen and there is something on this machine.
  struct Scope {
    bool cluster = true;
    bool machine = true;
    bool external = true;  ///< those that setup saved
    bool cluster_may_be_absent = false;
    const RedisSettings* only = nullptr;  ///< this one alone
    std::string name_space{};             ///< those of this namespace alone, "" for all
  };
  StatusBoard(Context& context, Scope scope) : m_context(context), m_scope(scope) {}

  /// Throws Error (preflight) when the cluster does not answer.
  std::vector<Seen> look();
  /// Runs that were killed and belong to none of what the last look saw.
  int unattached_runs() const { return m_unattached; }
  /// What was torn down and whose data are still there: "release X on this machine (its data are kept in ~/…)".
  std::vector<std::string> kept() const;

 private:
  struct Reach {
    Reach(Context& context, const Kubectl& there, const std::string& release);
    Kubectl kubectl;
    RedisNames names;
    KubernetesRedis redis;
  };

  void look_at_cluster(std::vector<Seen>& all);
  void examine(const std::vector<Release>& found, std::vector<Seen>& all);
  Seen row_of(const Release& one, TimePoint until);
  void look_at_machine(std::vector<Seen>& all);
  void look_at_external(std::vector<Seen>& all);
  Reach& reach(const std::string& name_space, const std::string& release);
  /// Killed runs whose subject ends like this one's.
  int take_unfinished(const std::string& subject_end);

  Context& m_context;
  Scope m_scope;
  std::optional<ClusterSession> m_session;
  std::map<std::string, std::unique_ptr<Reach>> m_reaches;
  std::vector<std::string> m_unfinished;  ///< subjects of killed runs that no row has taken yet
  std::vector<KeptClaim> m_kept_claims;   ///< of the last look
  int m_unattached = 0;
  bool m_alone = false;  ///< one release was found: it is shown with every check
  ClaimReader m_claims;
};

}  // namespace raibid
