#include "components/redis/place/kubernetes/deletions.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr Duration workload_poll = std::chrono::milliseconds(200);
constexpr const char* volume_kind = "persistentvolume/";

Error claim_error(const Deletion& deletion, const std::string& volume, const Kubectl& kubectl,
                  const std::string& release) {
  const std::string name = deletion.object.substr(deletion.object.find('/') + 1);
  return Error(ExitCode::preflight,
               fmt::format("claim {} {}: the next restart of Redis would lose its data", name, describe(deletion)),
               join(how_to_keep_data(kubectl, release, volume), "\n"));
}

const Deletion* deletion_in(const std::vector<Deletion>& deletions, const std::string& object) {
  const auto found = std::find_if(deletions.begin(), deletions.end(),
                                  [&](const Deletion& deletion) { return deletion.object == object; });
  return found == deletions.end() ? nullptr : &*found;
}

Error held(const Deletion& deletion, const Kubectl& kubectl) {
  return Error(ExitCode::preflight, fmt::format("{} {}", deletion.object, describe(deletion)),
               "wait until it is gone, or see what holds it (metadata.finalizers): " +
                   kubectl.for_people({"get", deletion.object, "-o", "yaml"}) + "; then run this again");
}

std::string delete_workload(const Kubectl& kubectl, const RedisNames& names) {
  return kubectl.for_people({"delete", "statefulset", names.workload});
}

}  // namespace

Scope scope_of(const Kubectl& kubectl, const std::string& release) {
  return Scope::on_cluster(kubectl.cluster().kubeconfig, kubectl.cluster().context, kubectl.name_space(), release);
}

std::vector<std::string> how_to_keep_data(const Kubectl& kubectl, const std::string& release,
                                          const std::string& volume) {
  const RedisNames names(release, kubectl.name_space());
  const Scope scope = scope_of(kubectl, release);
  std::vector<std::string> lines;
  if (!volume.empty()) {
    lines.push_back("keep its volume when the claim goes: " +
                    kubectl.for_people({"patch", "persistentvolume", volume, "-p",
                                        R"({"spec":{"persistentVolumeReclaimPolicy":"Retain"}})"}));
  }
  lines.push_back("copy the data out while Redis runs: " +
                  scope.command("connect redis", "--admin -- redis-cli --rdb redis-data.rdb"));
  lines.push_back("without redis-cli on this machine: " +
                  kubectl.for_people({"exec", names.pod, "-c", "redis", "--", "tar", "cf", "-", "-C", "/data", "."}) +
                  " > redis-data.tar");
  lines.push_back("then remove it: " + scope.command("teardown redis", "--delete-data") + "; and set it up again");
  return lines;
}

std::optional<Error> refuse_restart(Context& context, const Kubectl& kubectl, const std::string& release,
                                    TimePoint deadline) {
  const RedisNames names(release, kubectl.name_space());
  for (const json& claim : look_for(context, kubectl, {"persistentvolumeclaim/" + names.claim}, deadline)) {
    if (const auto deletion = deletion_of(claim))
      return claim_error(*deletion, text_at(claim, {"spec", "volumeName"}), kubectl, release);
  }
  return std::nullopt;
}

void refuse_losing_claim(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                         const Kubectl& kubectl) {
  const Deletion* const claim = deletion_in(observed.deletions, "persistentvolumeclaim/" + names.claim);
  if (claim) throw claim_error(*claim, observed.claim()->volume, kubectl, settings.release);
}

void refuse_deletions(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                      const Kubectl& kubectl) {
  refuse_losing_claim(observed, settings, names, kubectl);
  const std::vector<Deletion> blocking = observed.blocking_deletions();
  if (blocking.empty()) return;
  const Deletion& first = blocking.front();
  if (first.object.starts_with(volume_kind)) {
    throw Error(ExitCode::preflight,
                fmt::format("{} of claim {} {}: it goes with the claim", first.object, names.claim, describe(first)),
                join(how_to_keep_data(kubectl, settings.release, observed.claim()->volume), "\n"));
  }
  throw held(first, kubectl);
}

void check_workload_gone(Context& context, const Kubectl& kubectl, const RedisNames& names, TimePoint until,
                         TimePoint deadline) {
  for (;;) {
    const std::vector<json> found = look_for(context, kubectl, {"statefulset/" + names.workload}, deadline);
    if (found.empty()) return;
    const std::optional<Deletion> deletion = deletion_of(found.front());
    const std::string policy = text_at(found.front(), {"metadata", "annotations", "helm.sh/resource-policy"});
    if (!deletion) {
      const std::string why =
          policy == "keep" ? "its annotation helm.sh/resource-policy is \"keep\", so helm left it and Redis still runs"
                           : "helm said that it removed the release, but Redis still runs";
      throw Error(ExitCode::failure, fmt::format("StatefulSet {} stays: {}", names.workload, why),
                  "to remove it: " + delete_workload(kubectl, names));
    }
    if (context.runner.now() >= until) {
      throw Error(ExitCode::failure, fmt::format("StatefulSet {} {}", names.workload, describe(*deletion)),
                  "see what holds it (metadata.finalizers): " +
                      kubectl.for_people({"get", "statefulset", names.workload, "-o", "yaml"}));
    }
    context.runner.wait({}, context.runner.now() + workload_poll);
  }
}

bool was_left_behind(const Observed& observed, const RedisSettings& settings) {
  return observed.workload && observed.workload->release == settings.release && !observed.record;
}

Error left_behind(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                  const Kubectl& kubectl) {
  if (const Deletion* const deletion = deletion_in(observed.deletions, "statefulset/" + names.workload))
    return held(*deletion, kubectl);
  const std::string why =
      observed.workload->kept_by_policy
          ? "its annotation helm.sh/resource-policy is \"keep\": helm left it when it removed the release"
          : "someone deleted Helm's record";
  return Error(ExitCode::preflight,
               fmt::format("StatefulSet {} belongs to release {}, but Helm does not know that release ({})",
                           names.workload, settings.release, why),
               "delete it, which ends Redis and keeps claim and data: " + delete_workload(kubectl, names) +
                   "; then run this again");
}

}  // namespace raibid
