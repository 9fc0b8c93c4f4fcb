#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string_view>

#include "components/redis/place/kubernetes/release.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// The boundary between the API's documents and Release. What a field lacks, or has of another type, reads as empty.

/// Whether the pod's container of that name runs.
bool container_runs(const nlohmann::json& pod, std::string_view name);
Release::Pod read_pod(const nlohmann::json& pod, const Kubectl& kubectl);
Release::Claim read_claim(const nlohmann::json& claim);
Release::Trimming read_trimming(const nlohmann::json& cronjob);
Release::Backups read_backups(const nlohmann::json& cronjob);
/// What a pod of the CronJob for backups says of its run.
void take_backup_pods(Release::Backups& backups, const nlohmann::json& pods);

/// Takes in a document that belongs to the release by kind and name; another one is left alone. `kubectl` is for the
/// commands in hints. A PersistentVolume counts after its claim was taken.
void take_object(Release& release, const nlohmann::json& object, const Kubectl& kubectl);
/// Takes in Helm's labels of one of its records, in any order. Throws Error (failure) when there is no revision in
/// them.
void take_record(Release& release, const nlohmann::json& labels);

}  // namespace raibid
