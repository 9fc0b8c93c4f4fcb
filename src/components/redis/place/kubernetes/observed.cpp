#include "components/redis/place/kubernetes/observed.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

using nlohmann::json;

/// No other run that installs or removes begins and ends in that time.
constexpr Duration still_counts = std::chrono::seconds(2);

std::string string_at(const json& object, const json::json_pointer& pointer) {
  return object.contains(pointer) && object.at(pointer).is_string() ? object.at(pointer).get<std::string>() : "";
}

std::string label(const json& object, const std::string& name) {
  const json labels = object.value("/metadata/labels"_json_pointer, json::object());
  return labels.is_object() && labels.contains(name) && labels[name].is_string() ? labels[name].get<std::string>() : "";
}

std::string annotation(const json& object, const std::string& name) {
  const json annotations = object.value("/metadata/annotations"_json_pointer, json::object());
  return annotations.is_object() && annotations.contains(name) && annotations[name].is_string()
             ? annotations[name].get<std::string>()
             : "";
}

Observed::StoredSecret read_secret(const json& object) {
  Observed::StoredSecret secret;
  secret.ours = label(object, managed_by_label) == managed_by_us;
  const json data = object.value("data", json::object());
  secret.complete = data.contains("redis-password") && data.contains("users.acl") && data.contains("exporter.json");
  if (data.contains(username_key) && !data.contains(admin_password_key)) secret.complete = false;
  secret.content = content_of(&object);
  secret.password = value_of(secret.content, password_key);
  secret.acl = value_of(secret.content, acl_key);
  secret.trim = value_of(secret.content, "trim-password");
  secret.controller = controller_of(object);
  return secret;
}

Observed::Workload read_workload(const json& object) {
  Observed::Workload workload{annotation(object, "meta.helm.sh/release-name"), annotation(object, spec_annotation)};
  workload.component = string_at(object, "/spec/selector/matchLabels/app.kubernetes.io~1component"_json_pointer);
  workload.kept_by_policy = annotation(object, "helm.sh/resource-policy") == "keep";
  for (const json& claim : object.value("/spec/volumeClaimTemplates"_json_pointer, json::array())) {
    workload.claim_size = string_at(claim, "/spec/resources/requests/storage"_json_pointer);
    const json::json_pointer storage_class("/spec/storageClassName");
    if (claim.contains(storage_class)) workload.claim_class = string_at(claim, storage_class);
  }
  return workload;
}

void take_service(Observed& observed, const json& object, const RedisNames& names) {
  const std::string name = string_at(object, "/metadata/name"_json_pointer);
  const std::string release = annotation(object, "meta.helm.sh/release-name");
  if (name == names.workload) {
    observed.service_release = release;
  } else {
    observed.other_services[name] = release;
  }
}

bool redis_runs(const json& pod) {
  for (const json& container : items_at(pod, {"status", "containerStatuses"})) {
    if (text_at(container, {"name"}) == "redis" && container.contains("/state/running"_json_pointer)) return true;
  }
  return false;
}

void take(Observed& observed, const json& object, const RedisNames& names, const std::string& name_space) {
  const std::string kind = string_at(object, "/kind"_json_pointer);
  const std::string name = string_at(object, "/metadata/name"_json_pointer);
  if (kind != "Lease") observed.uids[to_lower(kind) + "/" + name] = string_at(object, "/metadata/uid"_json_pointer);
  if (kind == "Namespace" && name == "kube-system")
    observed.cluster_uid = string_at(object, "/metadata/uid"_json_pointer);
  if (kind == "Namespace" && name == name_space) {
    observed.name_space = {label(object, managed_by_label) == managed_by_us,
                           string_at(object, "/status/phase"_json_pointer) == "Terminating" || deletion_of(object),
                           what_keeps_namespace(object)};
  }
  if (kind == "Pod") observed.pod_runs = redis_runs(object);
  if (kind == "Secret" && name == names.full) observed.secret = read_secret(object);
  if (kind == "StatefulSet") observed.workload = read_workload(object);
  if (kind == "Service") take_service(observed, object, names);
  if (kind == "PersistentVolumeClaim") {
    observed.claim = true;
    observed.claim_made = {string_at(object, "/spec/resources/requests/storage"_json_pointer),
                           string_at(object, "/spec/storageClassName"_json_pointer),
                           annotation(object, spec_annotation)};
    observed.volume = string_at(object, "/spec/volumeName"_json_pointer);
  }
  if (kind == "Lease") observed.lease = parse_lease(object);
  // a pod that ends is replaced, which is no reason to stop; who asks for the namespace looks at `terminating`
  if (kind == "Namespace" || kind == "Pod" || kind == "Lease") return;
  if (auto deletion = deletion_of(object)) observed.deletions.push_back(*deletion);
}

void take_storage_class(Observed& observed, const json& object) {
  const std::string name = string_at(object, "/metadata/name"_json_pointer);
  observed.storage_classes.push_back(name);
  if (annotation(object, "storageclass.kubernetes.io/is-default-class") == "true")
    observed.default_storage_class = name;
  if (object.value("allowVolumeExpansion", false)) observed.expandable_classes.push_back(name);
}

void take_release(Observed& observed, const json& record) {
  const int revision = std::stoi(record.value("version", "0"));
  const std::string status = record.value("status", "");
  const int before = observed.release ? observed.release->last_deployed : 0;
  const long long changed = std::stoll(record.value("modifiedAt", record.value("createdAt", "0")));
  observed.release = {revision,
                      status,
                      record.value(managed_by_label, "") == managed_by_us,
                      record.value(digest_label, ""),
                      status == "deployed" ? revision : before,
                      WallTime(std::chrono::seconds(changed)),
                      record.value(run_label, ""),
                      record.value(proven_label, "") == std::to_string(revision)};
}

std::vector<Kubectl::Right> single_reviews(std::vector<Kubectl::Right> rights) {
  std::erase_if(rights, [](const Kubectl::Right& right) { return !right.cluster_wide; });
  return rights;
}

/// The rules tell everything where RBAC alone decides; what they leave open is asked one by one.
std::vector<Kubectl::Right> refused_rights(Context& context, const Kubectl& kubectl,
                                           const std::vector<Kubectl::Right>& rights, const Command& question,
                                           const Output& answer) {
  Kubectl::Reviewed reviewed = Kubectl::parse_rules(rights, question, answer);
  if (reviewed.unknown.empty()) return reviewed.refused;
  const Command one_by_one = kubectl.review_rights(reviewed.unknown);
  const std::vector<Kubectl::Right> refused =
      Kubectl::parse_refused(reviewed.unknown, one_by_one, kubectl.ask(one_by_one, context.deadline));
  reviewed.refused.insert(reviewed.refused.end(), refused.begin(), refused.end());
  return reviewed.refused;
}

/// What tells this cluster from others for a login that may not see kube-system: its CA, which every namespace has.
std::string cluster_mark(Context& context, const Kubectl& kubectl) {
  for (const json& object : look_for_if_allowed(context, kubectl, {"configmap/kube-root-ca.crt"}, context.deadline)) {
    const std::string certificate = text_at(object, {"data", "ca.crt"});
    if (!certificate.empty()) return "ca-" + sha256_hex(certificate).substr(0, 32);
  }
  return "server-" + sha256_hex(kubectl.cluster().server).substr(0, 32);
}

/// An account of one namespace may see neither kube-system nor, as an object, its own namespace.
void take_objects(Context& context, const Kubectl& kubectl, const Command& question, const Output& answer,
                  const RedisNames& names, Observed& observed) {
  const Kubectl::Visible visible = Kubectl::parse_visible_items(question, answer);
  const std::string own = "namespaces/" + kubectl.name_space();
  for (const std::string& refused : visible.refused) {
    if (refused != own && refused != "namespaces/kube-system") throw Kubectl::explain(question, answer);
  }
  for (const json& item : *visible.items) take(observed, item, names, kubectl.name_space());
  const bool hidden = std::find(visible.refused.begin(), visible.refused.end(), own) != visible.refused.end();
  if (hidden) observed.name_space = Observed::Namespace{};  // it has rights there, so it is there
  if (observed.cluster_uid.empty()) observed.cluster_uid = cluster_mark(context, kubectl);
}

}  // namespace

std::vector<Kubectl::Right> needed_rights(bool create_namespace, bool trims) {
  std::vector<Kubectl::Right> rights = {
      {"create", "", "secrets", ""},
      {"patch", "", "secrets", ""},
      {"create", "", "services", ""},
      {"create", "", "configmaps", ""},
      {"create", "apps", "statefulsets", ""},
      {"create", "networking.k8s.io", "networkpolicies", ""},
      {"watch", "", "pods", ""},
      {"create", "", "pods", "portforward"},
      {"watch", "", "events", ""},
      {"get", "", "persistentvolumeclaims", ""},
      {"create", "coordination.k8s.io", "leases", ""},
      {"delete", "coordination.k8s.io", "leases", ""},
  };
  if (trims) rights.push_back({"create", "batch", "cronjobs", ""});
  if (create_namespace) rights.push_back({"create", "", "namespaces", "", true});
  return rights;
}

std::string Observed::record() const {
  if (workload && release) return workload->spec;
  // beside a release, or a StatefulSet that helm left, it would be an older one
  return !workload && !release && claim_made ? claim_made->spec : "";
}

Error missing_rights(const std::vector<Kubectl::Right>& refused, const Kubectl& kubectl) {
  std::vector<std::string> names;
  for (const Kubectl::Right& right : refused) {
    names.push_back(right.verb + " " + right.resource + (right.subresource.empty() ? "" : "/" + right.subresource));
  }
  return Error(ExitCode::preflight,
               fmt::format("this login may not {} in namespace {}", join(names, ", "), kubectl.name_space()),
               "ask for these rights, or choose another login with --context; what you have: " +
                   kubectl.for_people({"auth", "can-i", "--list"}));
}

namespace {

/// What can only be asked when the rest is known: the claim's volume, which many a login may not see, and the state of
/// the release.
void look_further(Context& context, const Kubectl& kubectl, const std::string& release, Look look, Observed& observed) {
  std::vector<Command> questions;
  if (!observed.volume.empty()) questions.push_back(kubectl.get({"persistentvolume/" + observed.volume}));
  const std::size_t first = questions.size();
  if (look == Look::with_state && observed.release) {
    for (Command& question : ReleaseState::questions(kubectl, release)) questions.push_back(std::move(question));
  }
  if (questions.empty()) return;
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  if (first > 0 && answers[0].ok()) {
    for (const json& volume : Kubectl::parse_items(questions[0], answers[0])) {
      if (auto deletion = deletion_of(volume)) observed.deletions.push_back(*deletion);
    }
  }
  if (first == questions.size()) return;
  observed.state = ReleaseState::read(context, kubectl, release, std::span<const Command>(questions).subspan(first),
                                      std::span<const Output>(answers).subspan(first));
}

}  // namespace

Observed observe(Context& context, const Kubectl& kubectl, const RedisNames& names, const RedisSettings& settings,
                 Look look) {
  const std::vector<Kubectl::Right> rights = needed_rights(true, !trimmed_streams(settings).empty());
  std::vector<std::string> objects = {"namespace/kube-system",
                                      "namespace/" + settings.name_space,
                                      "secret/" + names.full,
                                      "statefulset/" + names.workload,
                                      "service/" + names.workload,
                                      "pod/" + names.pod,
                                      "persistentvolumeclaim/" + names.claim,
                                      "lease/" + lease_name(settings.release)};
  for (const std::string& service : settings.services) {
    if (service.find('/') == std::string::npos) objects.push_back("service/" + service);
  }
  const std::vector<Command> questions = {
      kubectl.get(objects),
      kubectl.review_rules(single_reviews(rights)),
      kubectl.release_records(settings.release),
      kubectl.list("storageclasses", ""),
      kubectl.version(),
  };
  const TimePoint asked = context.clock.now();
  const WallTime asked_wall = context.clock.wall();
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  Observed observed;
  observed.at = asked;
  observed.at_wall = asked_wall;
  try {
    observed.versions = Kubectl::parse_version(questions[4], answers[4]);
    observed.refused = refused_rights(context, kubectl, rights, questions[1], answers[1]);
    const bool all_answered = answers[0].ok() && answers[2].ok();
    const auto of_this_namespace = [](const Kubectl::Right& right) { return !right.cluster_wide; };
    const bool lacks_some = std::any_of(observed.refused.begin(), observed.refused.end(), of_this_namespace);
    if (!all_answered && lacks_some) throw missing_rights(observed.refused, kubectl);
    take_objects(context, kubectl, questions[0], answers[0], names, observed);
    for (const json& record : Kubectl::parse_release_records(questions[2], answers[2])) take_release(observed, record);
    const Kubectl::Visible classes = Kubectl::parse_visible_items(questions[3], answers[3]);
    observed.storage_classes_known = classes.refused.empty();
    for (const json& item : *classes.items) take_storage_class(observed, item);
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  } catch (const json::exception& error) {
    throw Error(ExitCode::preflight, std::string("kubectl gave an answer that cannot be understood: ") + error.what(),
                "see what it says: " + kubectl.for_people({"get", "secret,statefulset,service", "-o", "json"}));
  }
  look_further(context, kubectl, settings.release, look, observed);
  // the right to make a namespace only matters when there is none
  if (observed.name_space)
    std::erase_if(observed.refused, [](const Kubectl::Right& right) { return right.resource == "namespaces"; });
  return observed;
}

void refuse_if_changed_since(Context& context, const Kubectl& kubectl, const RedisNames& names,
                             const RedisSettings& settings, const Observed& observed) {
  const auto passed = context.clock.now() - observed.at;
  const auto passed_wall = context.clock.wall() - observed.at_wall;
  if (passed < still_counts && passed_wall < still_counts) return;
  const Observed present = observe(context, kubectl, names, settings);
  const bool same_release = present.release.has_value() == observed.release.has_value() &&
                            (!present.release || (present.release->revision == observed.release->revision &&
                                                  present.release->status == observed.release->status));
  if (same_release && present.uids == observed.uids) return;
  throw Error(ExitCode::preflight,
              fmt::format("somebody has changed release {} since this run looked", settings.release),
              "run this again: it will look at what is there now")
      .made_nothing();
}

}  // namespace raibid
