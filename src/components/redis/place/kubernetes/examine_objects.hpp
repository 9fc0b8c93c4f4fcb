#pragma once

#include <optional>
#include <string>
#include <vector>

#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/server/health.hpp"
#include "sys/clock.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// The checks of `status` and `doctor` that look at one kind of object of a release.

/// Adds the check `release`: helm's own record of it.
void examine_record(const std::optional<Release::Record>& record, const std::string& name, HealthReport& report);

/// Adds the check `workload`: how many pods are ready, and what keeps the others from it.
void examine_workload(const Release& found, const Kubectl& kubectl, HealthReport& report);

/// Adds the check `service`, one for each further Service that is asked for.
void examine_services(const Release& found, const std::vector<std::string>& services, HealthReport& report);

/// Adds the check `pod`, with restarts and the last end of a container. `pod` is nullptr when there is none. An
/// exporter that is not ready is a check of its own, and none of the pod's.
void examine_pod(const Release::Pod* pod, const std::string& name, const Kubectl& kubectl, HealthReport& report);

/// Adds the check `claim`. One that is being deleted fails, and the hint says how to keep the data.
void examine_claim(const Release::Claim* claim, const std::string& name, const std::string& release, bool wanted,
                   const Kubectl& kubectl, HealthReport& report);

/// When the streams were trimmed last, and whether that went well; nothing without a CronJob.
void examine_trimming(const std::optional<Release::Trimming>& trimming, const Kubectl& kubectl, HealthReport& report);

/// When the last backup was taken by the schedule, how large it is, and whether that went well; red when it is older
/// than two periods. Nothing without a CronJob.
void examine_backups(const std::optional<Release::Backups>& backups, const Kubectl& kubectl, WallTime now,
                     HealthReport& report);

/// Adds a failed check for each further object that is being deleted: Service, Secret, namespace, volume.
void examine_deletions(const Release& found, const Kubectl& kubectl, HealthReport& report);

/// Adds a check `objects`, or one for each difference between the release's record and the cluster.
void examine_state(const ReleaseState& state, HealthReport& report);

/// Adds the check `secret`: that it is there and holds what its users need. `wanted`: the release has authentication.
void examine_secret(const Release& found, bool wanted, HealthReport& report);

}  // namespace raibid
