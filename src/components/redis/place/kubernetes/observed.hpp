#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// A release, and around it what setup and teardown have to know of the cluster before they do anything.
struct Observed : Release {
  std::string cluster_uid;  ///< of namespace kube-system; for who may not see it, made of the cluster's CA
  Kubectl::Versions versions;
  std::vector<std::string> expandable_classes;  ///< of storage_classes: whose claims can grow
  std::optional<Lease> lease;                   ///< who works on the release
  std::vector<std::string> storage_classes;
  std::string default_storage_class;
  bool storage_classes_known = true;  ///< else this login may not list them
  bool service_monitors = false;
  bool cert_manager = false;  ///< its kinds are there; asked for only where they are needed
  bool issuer_known = false;  ///< the issuer of --tls-issuer is there
  std::vector<Kubectl::Right> refused;
  std::map<std::string, std::string> uids{};  ///< of what of the release is there, by "kind/name"
  TimePoint at{};                             ///< when it was asked for, by both clocks
  WallTime at_wall{};

  bool anything() const { return secret || record || workload || claim(); }
};

/// That of namespace kube-system, or what stands for it (Observed::cluster_uid).
std::string cluster_uid_of(Context& context, const Kubectl& kubectl);

/// The Error (preflight) that names the rights and how to see what there is.
Error missing_rights(const std::vector<Kubectl::Right>& refused, const Kubectl& kubectl);

enum class Look { without_state, with_state };

/// Asks the cluster everything at once, side by side, and then, with_state, how an installed release differs from its
/// record. Throws Error (preflight) when it does not answer, or does not let
/// us look.
Observed observe(Context& context, const Kubectl& kubectl, const RedisNames& names, const RedisSettings& settings,
                 Look look = Look::without_state);

/// Asks once more when `observed` is older than two seconds, as in a run that slept before it had the lock, or waited
/// for an answer. Throws Error (preflight, made_nothing) when someone has changed release, claim, Secret or namespace
/// since.
void refuse_if_changed_since(Context& context, const Kubectl& kubectl, const RedisNames& names,
                             const RedisSettings& settings, const Observed& observed);

/// What setup needs to be allowed to do; `cron_jobs`: with CronJobs; `backup_claim`: it makes a claim for backups.
std::vector<Kubectl::Right> needed_rights(bool create_namespace, bool cron_jobs = false, bool replicates = false,
                                          bool backup_claim = false);

}  // namespace raibid
