#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "components/context.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/kubernetes/release_state.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/spec.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// What the cluster holds of a release before a command does anything.
struct Observed {
  struct Namespace {
    bool ours = false;  ///< its label says that setup made it
    bool terminating = false;
    std::string kept_by{};  ///< what the namespace controller says keeps it while it is terminating
  };
  struct StoredSecret {
    bool ours = false;
    bool complete = false;     ///< has every key that setup writes
    Secret password;           ///< empty when the key is missing
    Secret acl{};              ///< users.acl
    Secret trim{};             ///< trim-password
    SecretContent content{};   ///< all keys
    std::string controller{};  ///< who keeps it instead of us (controller_of), "" for nobody
  };
  struct Release {
    int revision = 0;
    std::string status;  ///< Helm's: deployed, failed, pending-install …
    bool ours = false;
    std::string digest;     ///< of chart and values, as setup labelled it
    int last_deployed = 0;  ///< the newest revision that is deployed, 0 for none
    WallTime changed{};     ///< when helm last wrote the newest record, by the clock of its machine
    std::string run{};      ///< the id of the run whose helm made the newest record; "" for none of ours
    bool proven = false;    ///< another run has found that record's Redis ready since
  };
  struct Workload {
    std::string release;                       ///< the Helm release it belongs to, "" for none
    std::string spec;                          ///< what it was set up with (see Spec)
    std::string claim_size{};                  ///< of its claim template; "" when it has none
    std::optional<std::string> claim_class{};  ///< the template's StorageClass, when it names one
    std::string component{};                   ///< what its selector asks of the pod, beside name and instance
    bool kept_by_policy = false;               ///< helm leaves it when it removes the release (helm.sh/resource-policy)
  };
  struct Claim {
    std::string requested;
    std::string storage_class;
    std::string spec{};  ///< what its Redis was set up with; only while a teardown keeps it (see Spec)
  };

  std::string cluster_uid;  ///< of namespace kube-system; for who may not see it, made of the cluster's CA
  Kubectl::Versions versions;
  std::optional<Namespace> name_space;
  std::optional<StoredSecret> secret;
  std::optional<Release> release;
  std::optional<Workload> workload;
  std::optional<std::string> service_release;  ///< the Service's Helm release ("" for none), when there is a Service
  bool claim = false;
  std::optional<Claim> claim_made;  ///< what `claim` tells of
  std::map<std::string, std::string>
      other_services;  ///< of settings.services in this namespace: its Helm release, "" for none
  std::vector<std::string> expandable_classes;  ///< of storage_classes: whose claims can grow
  bool pod_runs = false;                        ///< Redis' container runs in the release's pod
  std::string volume;                           ///< the claim's PersistentVolume, "" when it has none
  std::vector<Deletion> deletions;              ///< what of all this is being deleted; pod and namespace apart
  std::optional<Lease> lease;                   ///< who works on the release
  std::vector<std::string> storage_classes;
  std::string default_storage_class;
  bool storage_classes_known = true;  ///< else this login may not list them
  bool service_monitors = false;
  std::vector<Kubectl::Right> refused;
  std::map<std::string, std::string> uids{};  ///< of what of the release is there, by "kind/name"
  std::optional<ReleaseState> state{};        ///< how the release differs from its record, when there is a record
  TimePoint at{};                             ///< when it was asked for, by both clocks
  WallTime at_wall{};

  bool anything() const { return secret || release || workload || claim; }
  /// What the Redis of this release was set up with: its own record, or that of the data that a teardown kept; "" for
  /// none.
  std::string record() const;
};

/// The Error (preflight) that names the rights and how to see what there is.
Error missing_rights(const std::vector<Kubectl::Right>& refused, const Kubectl& kubectl);

enum class Look { without_state, with_state };

/// Asks the cluster everything at once, side by side, and then, with_state, how an installed release differs from its
/// record. Throws Error (preflight) when it does not answer, or does not let
/// us look.
Observed observe(Context& context, const Kubectl& kubectl, const RedisNames& names, const RedisSettings& settings,
                 Look look = Look::without_state);

/// Asks once more when `observed` is older than two seconds, as in a run that slept before it had the lock, or waited
/// for an answer. Throws Error (preflight, made_nothing) when somebody has changed release, claim, Secret or namespace
/// since.
void refuse_if_changed_since(Context& context, const Kubectl& kubectl, const RedisNames& names,
                             const RedisSettings& settings, const Observed& observed);

/// What setup needs to be allowed to do; `trims`: with a CronJob.
std::vector<Kubectl::Right> needed_rights(bool create_namespace, bool trims = false);

/// Labels and annotations by which we know our own.
inline constexpr const char* managed_by_label = "app.kubernetes.io/managed-by";
inline constexpr const char* managed_by_us = "raibid-cli";
inline constexpr const char* digest_label = "raibid-cli/digest";
/// The id of the run that made it: a label of Helm's record, an annotation of namespace and Secret.
inline constexpr const char* run_label = "raibid-cli/run";
/// A label of Helm's record: the revision that another run has found ready, so that the run which made it may not undo
/// it any more. Helm copies labels to the next revision, where the number tells that it is not meant.
inline constexpr const char* proven_label = "raibid-cli/proven";

}  // namespace raibid
