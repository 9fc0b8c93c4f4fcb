#include "components/redis/place/kubernetes/release_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/verdict.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/place/kubernetes/unlike_pods.hpp"

namespace raibid {

namespace {

using nlohmann::json;

std::string label_of(const json& object, std::string_view name) {
  return text_at(object, {"metadata", "labels", name});
}

std::string annotation_of(const json& object, std::string_view name) {
  return text_at(object, {"metadata", "annotations", name});
}

std::string release_annotation(const json& object) { return annotation_of(object, "meta.helm.sh/release-name"); }

int int_at(const json& object, JsonPath path) { return static_cast<int>(number_at(object, path)); }

template <typename Number>
Number number_of(const json& labels, std::string_view name) {
  const std::string text = text_at(labels, {name});
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || (error == std::errc() && end == text.data() + text.size())) return number;
  throw Error(ExitCode::failure, fmt::format("Helm's record has the label {}={}, which is no number", name, text));
}

/// In the place of the one of the same name, or as the last.
template <typename Thing>
void put(std::vector<Thing>& things, Thing thing) {
  const auto same =
      std::find_if(things.begin(), things.end(), [&](const Thing& one) { return one.name == thing.name; });
  if (same == things.end()) {
    things.push_back(std::move(thing));
  } else {
    *same = std::move(thing);
  }
}

Release::StoredSecret read_secret(const json& object) {
  Release::StoredSecret secret;
  secret.ours = label_of(object, managed_by_label) == managed_by_us;
  const json& data = at(object, {"data"});
  secret.complete = data.contains("redis-password") && data.contains("users.acl") && data.contains("exporter.json");
  if (data.contains(username_key) && !data.contains(admin_password_key)) secret.complete = false;
  secret.content = content_of(&object);
  secret.password = value_of(secret.content, password_key);
  secret.acl = value_of(secret.content, acl_key);
  secret.trim = value_of(secret.content, "trim-password");
  secret.controller = controller_of(object);
  return secret;
}

/// Which GitOps tool keeps an object, by the labels and annotations that it puts on what it applies: "Flux
/// (HelmRelease apps/redis)"; "" for none.
std::string gitops_owner(const json& object) {
  const json& labels = at(object, {"metadata", "labels"});
  const auto flux = [&labels](const std::string& group, const char* kind) -> std::string {
    const std::string name = text_at(labels, {group + "/name"});
    if (name.empty()) return "";
    return fmt::format("Flux ({} {}/{})", kind, text_at(labels, {group + "/namespace"}), name);
  };
  if (const std::string owner = flux("helm.toolkit.fluxcd.io", "HelmRelease"); !owner.empty()) return owner;
  if (const std::string owner = flux("kustomize.toolkit.fluxcd.io", "Kustomization"); !owner.empty()) return owner;
  std::string argo = text_at(labels, {"argocd.argoproj.io/instance"});
  // "APPLICATION:apps/StatefulSet:NAMESPACE/NAME"
  const std::string tracked = annotation_of(object, "argocd.argoproj.io/tracking-id");
  if (argo.empty()) argo = tracked.substr(0, tracked.find(':'));
  return argo.empty() ? "" : fmt::format("Argo CD (Application {})", argo);
}

Release::Workload read_workload(const json& object) {
  Release::Workload workload{release_annotation(object), annotation_of(object, spec_annotation)};
  workload.component = text_at(object, {"spec", "selector", "matchLabels", "app.kubernetes.io/component"});
  workload.certificate = text_at(object, {"spec", "template", "metadata", "annotations", certificate_annotation});
  workload.way_to_talk = way_to_talk(at(object, {"spec", "template"}));
  workload.kept_by_policy = annotation_of(object, "helm.sh/resource-policy") == "keep";
  for (const json& claim : items_at(object, {"spec", "volumeClaimTemplates"})) {
    workload.claim_size = text_at(claim, {"spec", "resources", "requests", "storage"});
    const json& storage_class = at(claim, {"spec", "storageClassName"});
    if (!storage_class.is_null()) workload.claim_class = text_at(claim, {"spec", "storageClassName"});
  }
  workload.gitops = printable(gitops_owner(object));
  workload.replicas = int_at(object, {"spec", "replicas"});
  workload.ready_replicas = int_at(object, {"status", "readyReplicas"});
  workload.deletion = deletion_of(object);
  return workload;
}

/// Why a pod does not run: what the scheduler says of it (resources, taints, volumes), else what a container waits for.
std::string why_not_running(const json& pod) {
  for (const json& condition : items_at(pod, {"status", "conditions"})) {
    if (text_at(condition, {"type"}) != "PodScheduled" || text_at(condition, {"status"}) != "False") continue;
    return text_at(condition, {"message"});
  }
  for (const char* const kind : {"initContainerStatuses", "containerStatuses"}) {
    for (const json& container : items_at(pod, {"status", kind})) {
      const std::string reason = text_at(container, {"state", "waiting", "reason"});
      if (reason.empty() || reason == "PodInitializing" || reason == "ContainerCreating") continue;
      const std::string message = text_at(container, {"state", "waiting", "message"});
      return fmt::format("container {}: {}{}", text_at(container, {"name"}), reason,
                         message.empty() ? "" : ": " + message);
    }
  }
  return "";
}

Release::Pod::ExporterTrouble exporter_trouble(const json& pod, const std::string& name, const Kubectl& kubectl) {
  Observation seen;
  seen.pod = &pod;
  seen.aside = exporter_container;
  seen.command = [&](const std::vector<std::string>& arguments) { return kubectl.for_people(arguments); };
  if (const auto trouble = judge_aside(seen)) return {printable(trouble->text), printable(trouble->hint)};
  return {fmt::format("container {} of pod {} does not run", exporter_container, name),
          kubectl.for_people({"describe", "pod", name})};
}

Release::Service read_service(const json& object, const std::string& home) {
  const std::string space = text_at(object, {"metadata", "namespace"});
  const std::string name = text_at(object, {"metadata", "name"});
  return {space.empty() || space == home ? name : space + "/" + name, release_annotation(object),
          text_at(object, {"spec", "selector", "app.kubernetes.io/instance"}),
          text_at(object, {"spec", "externalName"}), text_at(object, {"spec", "type"}) == "ExternalName"};
}

void put_deletion(Release& release, const json& object) {
  const auto deletion = deletion_of(object);
  if (!deletion) return;
  const auto same = [&](const Deletion& one) { return one.object == deletion->object; };
  if (std::none_of(release.deletions.begin(), release.deletions.end(), same)) release.deletions.push_back(*deletion);
}

bool is_follower(const json& object, const std::string& release) {
  return label_of(object, "app.kubernetes.io/instance") == release &&
         label_of(object, "app.kubernetes.io/name") == "redis" &&
         label_of(object, "app.kubernetes.io/component") == "replica";
}

/// Puts it where it belongs; false when it does not belong to the release.
bool put_object(Release& release, const json& object, const Kubectl& kubectl) {
  const RedisNames names = release.names();
  const std::string& home = release.id.name_space;
  const std::string kind = text_at(object, {"kind"});
  const std::string name = text_at(object, {"metadata", "name"});
  if (kind == "Service") {
    put(release.services, read_service(object, home));
    return true;
  }
  if (kind == "Namespace" && name == home) {
    release.name_space = {label_of(object, managed_by_label) == managed_by_us,
                          text_at(object, {"status", "phase"}) == "Terminating" || deletion_of(object),
                          what_keeps_namespace(object)};
    return true;
  }
  if (kind == "PersistentVolume") {
    return std::any_of(release.claims.begin(), release.claims.end(),
                       [&](const Release::Claim& claim) { return claim.volume == name; });
  }
  const std::string space = text_at(object, {"metadata", "namespace"});
  if (!space.empty() && space != home) return false;
  if (release.tls.take(object, names)) return true;
  if (kind == "Secret" && name == names.full) {
    release.secret = read_secret(object);
  } else if (kind == "StatefulSet" && name == names.workload) {
    release.workload = read_workload(object);
  } else if (kind == "Pod" && names.node_of(name) >= 0) {
    put(release.pods, read_pod(object, kubectl));
  } else if (kind == "PersistentVolumeClaim" && names.node_of(name) >= 0) {
    put(release.claims, read_claim(object));
  } else if (kind == "Pod" && is_follower(object, release.id.name)) {
    put(release.followers.pods, read_pod(object, kubectl));
  } else if (kind == "PersistentVolumeClaim" && is_follower(object, release.id.name)) {
    put(release.followers.claims, read_claim(object));
  } else if (kind == "StatefulSet" && is_follower(object, release.id.name)) {
    release.followers.workload = name;
    release.followers.wanted = int_at(object, {"spec", "replicas"});
    release.followers.ready = int_at(object, {"status", "readyReplicas"});
  } else if (kind == "CronJob" && name == names.full + "-trim") {
    release.trimming = read_trimming(object);
  } else if (kind == "CronJob" && name == names.backup) {
    release.backups = read_backups(object);
  } else if (kind == "PersistentVolumeClaim" && name == names.backup) {
    release.backup_claim = read_claim(object);
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool container_runs(const json& pod, std::string_view name) {
  for (const json& container : items_at(pod, {"status", "containerStatuses"})) {
    if (text_at(container, {"name"}) == name && !at(container, {"state", "running"}).is_null()) return true;
  }
  return false;
}

Release::Pod read_pod(const json& pod, const Kubectl& kubectl) {
  Release::Pod read;
  read.name = text_at(pod, {"metadata", "name"});
  read.phase = text_at(pod, {"status", "phase"});
  read.node = text_at(pod, {"spec", "nodeName"});
  read.being_deleted = !at(pod, {"metadata", "deletionTimestamp"}).is_null();
  read.way_to_talk = way_to_talk(pod);
  read.ready = is_ready(pod) && !read.being_deleted;
  read.serves = read.ready || is_ready_without(pod, exporter_container);
  read.redis_runs = container_runs(pod, redis_container);
  for (const json& container : items_at(pod, {"status", "containerStatuses"})) {
    read.restarts += int_at(container, {"restartCount"});
    const json& ended = at(container, {"lastState", "terminated"});
    if (!ended.is_object()) continue;
    read.last_end = {text_at(container, {"name"}), text_at(ended, {"reason"}), int_at(ended, {"exitCode"}),
                     text_at(ended, {"finishedAt"})};
  }
  read.node_is_silent = !read.being_deleted && node_is_silent(pod);
  if (read.node_is_silent)
    read.why_not_running = fmt::format("its node {} does not answer", read.node);
  else if (!read.serves && !read.being_deleted)
    read.why_not_running = why_not_running(pod);
  if (read.serves && !read.ready) read.exporter_trouble = exporter_trouble(pod, read.name, kubectl);
  return read;
}

Release::Claim read_claim(const json& claim) {
  Release::Claim read;
  read.name = text_at(claim, {"metadata", "name"});
  read.requested = text_at(claim, {"spec", "resources", "requests", "storage"});
  read.capacity = text_at(claim, {"status", "capacity", "storage"});
  if (read.capacity.empty()) read.capacity = read.requested;
  read.storage_class = text_at(claim, {"spec", "storageClassName"});
  read.phase = text_at(claim, {"status", "phase"});
  read.volume = text_at(claim, {"spec", "volumeName"});
  read.spec = annotation_of(claim, spec_annotation);
  read.has_everything = !read.spec.empty() && annotation_of(claim, has_everything_annotation) == "true";
  read.deletion = deletion_of(claim);
  read.ours = label_of(claim, managed_by_label) == managed_by_us;
  return read;
}

Release::Trimming read_trimming(const json& cronjob) {
  return {text_at(cronjob, {"metadata", "name"}),           text_at(cronjob, {"spec", "schedule"}),
          text_at(cronjob, {"status", "lastScheduleTime"}), text_at(cronjob, {"status", "lastSuccessfulTime"}),
          !items_at(cronjob, {"status", "active"}).empty(), flag_at(cronjob, {"spec", "suspend"})};
}

Release::Backups read_backups(const json& cronjob) {
  Release::Backups backups;
  backups.name = text_at(cronjob, {"metadata", "name"});
  backups.schedule = text_at(cronjob, {"spec", "schedule"});
  backups.to = annotation_of(cronjob, backup_to_annotation);
  backups.created = text_at(cronjob, {"metadata", "creationTimestamp"});
  backups.last_started = text_at(cronjob, {"status", "lastScheduleTime"});
  backups.last_succeeded = text_at(cronjob, {"status", "lastSuccessfulTime"});
  backups.running = !items_at(cronjob, {"status", "active"}).empty();
  backups.suspended = flag_at(cronjob, {"spec", "suspend"});
  return backups;
}

void take_backup_pods(Release::Backups& backups, const json& pods) {
  std::string newest_success, newest_failure;
  for (const json& pod : pods) {
    const std::string phase = text_at(pod, {"status", "phase"});
    const std::string made = text_at(pod, {"metadata", "creationTimestamp"});
    if (phase == "Running" || phase == "Pending") backups.running = true;
    for (const char* const kind : {"containerStatuses", "initContainerStatuses"}) {
      for (const json& container : items_at(pod, {"status", kind})) {
        const json& ended = at(container, {"state", "terminated"});
        const std::string message(trim(text_at(ended, {"message"})));
        if (phase == "Failed" && made > newest_failure && int_at(ended, {"exitCode"}) != 0) {
          newest_failure = made;
          const std::vector<std::string> lines = split(message, '\n');
          const std::string reason = text_at(ended, {"reason"});
          backups.problem = lines.back().empty() ? reason : lines.back();
        }
        const json result = phase == "Succeeded" && made > newest_success ? try_parse_json(message) : json();
        if (!result.is_object()) continue;
        newest_success = made;
        backups.file = text_at(result, {"file"});
        backups.bytes = static_cast<std::int64_t>(number_at(result, {"bytes"}));
        backups.verified = flag_at(result, {"verified"});
        backups.last_succeeded = std::max(backups.last_succeeded, text_at(result, {"taken"}));
      }
    }
  }
  // a Job that tried twice, or one by hand: what came last counts
  if (newest_failure <= newest_success) {
    backups.problem.clear();
  } else if (backups.problem.empty()) {
    backups.problem = "it does not say why";
  }
  backups.last_started = std::max({backups.last_started, newest_success, newest_failure});
}

void take_object(Release& release, const json& object, const Kubectl& kubectl) {
  if (put_object(release, object, kubectl)) put_deletion(release, object);
}

void take_record(Release& release, const json& labels) {
  const int revision = number_of<int>(labels, "version");
  const std::string status = text_at(labels, {"status"});
  const int before = release.record ? release.record->last_deployed : 0;
  const int deployed = status == "deployed" ? std::max(revision, before) : before;
  if (release.record && release.record->revision > revision) {
    release.record->last_deployed = deployed;
    return;
  }
  const bool modified = !text_at(labels, {"modifiedAt"}).empty();
  const auto changed = number_of<long long>(labels, modified ? "modifiedAt" : "createdAt");
  release.record = {revision,
                    status,
                    text_at(labels, {managed_by_label}) == managed_by_us,
                    text_at(labels, {digest_label}),
                    deployed,
                    WallTime(std::chrono::seconds(changed)),
                    text_at(labels, {run_label}),
                    text_at(labels, {proven_label}) == std::to_string(revision)};
}

}  // namespace raibid
