#include "components/redis/place/kubernetes/found_release.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/values.hpp"
#include "tools/failures.hpp"

namespace raibid {

namespace {

using nlohmann::json;

const json* part_of(const json& object, const std::string& key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string text(const json& object, const char* pointer) {
  const json::json_pointer path(pointer);
  return object.contains(path) && object.at(path).is_string() ? object.at(path).get<std::string>() : "";
}

int revision(const json& labels) { return std::stoi(labels.value("version", "0")); }

// Services of other namespaces are asked for one by one: kubectl's get has one namespace.
void look_at_distant_services(Context& context, const Kubectl& kubectl, const std::vector<std::string>& services,
                              FoundRelease& found) {
  std::vector<Command> questions;
  for (const std::string& service : services) {
    const std::size_t slash = service.find('/');
    if (slash == std::string::npos) continue;
    const Kubectl there(context.runner, kubectl.cluster(), service.substr(0, slash));
    questions.push_back(there.get({"service/" + service.substr(slash + 1)}));
  }
  if (questions.empty()) return;
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    for (const json& item : Kubectl::parse_items(questions[i], answers[i])) found.take(item);
  }
}

void look_at_missing_services(Context& context, const Kubectl& kubectl, FoundRelease& found) {
  std::vector<std::string> wanted;
  try {
    wanted = found.spec().services;
  } catch (const Error&) {
    return;  // who reads the spec says what is wrong with it
  }
  std::vector<std::string> missing;
  for (const std::string& service : wanted) {
    if (service.find('/') == std::string::npos && !found.service(service)) missing.push_back("service/" + service);
  }
  if (!missing.empty()) {
    const Command question = kubectl.get(missing);
    for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline))) {
      found.take(item);
    }
  }
  look_at_distant_services(context, kubectl, wanted, found);
}

TlsChoice tls_of(const FoundRelease& found) {
  try {
    return found.spec().tls;
  } catch (const Error&) {
    return {};  // who reads the spec says what is wrong with it
  }
}

void look_at_certificate(Context& context, const Kubectl& kubectl, const std::string& secret, FoundRelease& found) {
  const Command question = kubectl.get({"secret/" + secret});
  for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline)))
    found.take_certificate(item);
}

/// What can only be asked when the rest is known: what is outside the namespace, which many a login may not see, and
/// (with Helm's records) what of the release has changed.
void look_further(Context& context, const Kubectl& kubectl, FoundRelease& found, const json* records) {
  std::vector<std::string> names = {"namespace/" + found.name_space()};
  if (const json* const claim = found.object("PersistentVolumeClaim")) {
    if (const std::string volume = text(*claim, "/spec/volumeName"); !volume.empty())
      names.push_back("persistentvolume/" + volume);
  }
  std::vector<Command> questions = {kubectl.get(names)};
  if (const TlsChoice tls = tls_of(found); tls.enabled())
    look_at_certificate(context, kubectl, mounted_secret(tls, RedisNames(found.release(), found.name_space())), found);
  if (records) questions.push_back(ReleaseState::list(kubectl, found.release()));
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  if (answers[0].ok()) {
    for (const json& object : Kubectl::parse_items(questions[0], answers[0])) found.take(object);
  }
  if (!records) return;
  try {
    const json objects = Kubectl::parse_items(questions[1], answers[1]);
    for (const json& object : objects) {
      if (object.value("kind", "") == "CronJob") found.take(object);  // with when it ran last
    }
    found.take_state(ReleaseState::pick(context, kubectl, found.release(), *records, objects));
  } catch (const Error& error) {
    found.take_state(ReleaseState::not_known({found.release(), found.name_space()}, error.message(), *records));
  }
}

bool is_forbidden(const Output& output) { return !output.ok() && was_refused(output); }

FoundRelease& release_of(std::vector<FoundRelease>& all, const std::string& name_space, const std::string& release) {
  const auto same = [&](const FoundRelease& one) { return one.name_space() == name_space && one.release() == release; };
  const auto found = std::find_if(all.begin(), all.end(), same);
  if (found != all.end()) return *found;
  all.emplace_back(name_space, release);
  return all.back();
}

std::vector<FoundRelease> look_where_credentials_are(Context& context, const Kubectl& kubectl,
                                                     const std::vector<Credentials>& credentials) {
  std::vector<FoundRelease> all;
  for (const Credentials& one : credentials) {
    const Kubectl there(context.runner, kubectl.cluster(), one.name_space);
    FoundRelease found = look_at_release(context, there, one.release, {});
    if (found.installed()) all.push_back(std::move(found));
  }
  return all;
}

}  // namespace

FoundRelease::FoundRelease(std::string name_space, std::string release)
    : m_namespace(std::move(name_space)),
      m_release(std::move(release)),
      m_found(std::make_unique<json>(json::object())),
      m_state({m_release, m_namespace}) {}
FoundRelease::~FoundRelease() = default;
FoundRelease::FoundRelease(FoundRelease&&) noexcept = default;
FoundRelease& FoundRelease::operator=(FoundRelease&&) noexcept = default;

const json* FoundRelease::object(const std::string& kind) const { return part_of(*m_found, kind); }
const json* FoundRelease::service(const std::string& name) const { return part_of(*m_found, "Service " + name); }
const json* FoundRelease::certificate() const { return part_of(*m_found, "certificate"); }
void FoundRelease::take_certificate(const json& secret) { (*m_found)["certificate"] = secret; }
const json* FoundRelease::record() const { return part_of(*m_found, "record"); }

std::vector<Deletion> FoundRelease::deletions() const {
  std::vector<Deletion> deletions;
  for (const json& object : *m_found) {
    if (auto deletion = deletion_of(object)) deletions.push_back(*deletion);
  }
  return deletions;
}

Spec FoundRelease::spec() const {
  const json* const workload = object("StatefulSet");
  const json annotations =
      workload ? workload->value("/metadata/annotations"_json_pointer, json::object()) : json::object();
  return parse_spec(annotations.value(spec_annotation, ""));
}

void FoundRelease::take(const json& object) {
  const RedisNames names(m_release, m_namespace);
  const std::string kind = object.value("kind", "");
  const std::string name = text(object, "/metadata/name");
  const std::string space = text(object, "/metadata/namespace");
  if (kind == "Service") {
    (*m_found)["Service " + (space == m_namespace ? name : space + "/" + name)] = object;
    return;
  }
  const json* const claim = this->object("PersistentVolumeClaim");
  const bool around = (kind == "Namespace" && name == m_namespace) ||
                      (kind == "PersistentVolume" && claim && text(*claim, "/spec/volumeName") == name);
  if (around) (*m_found)[kind] = object;
  const std::map<std::string, std::string> wanted = {{"Secret", names.full},
                                                     {"StatefulSet", names.workload},
                                                     {"Pod", names.pod},
                                                     {"PersistentVolumeClaim", names.claim},
                                                     {"CronJob", names.full + "-trim"}};
  const auto found = wanted.find(kind);
  if (found != wanted.end() && found->second == name && space == m_namespace) (*m_found)[kind] = object;
}

void FoundRelease::take_record(const json& labels) {
  const json* const present = record();
  if (!present || revision(labels) > revision(*present)) (*m_found)["record"] = labels;
}

FoundRelease look_at_release(Context& context, const Kubectl& kubectl, const std::string& release,
                             const std::vector<std::string>& services) {
  FoundRelease found(kubectl.name_space(), release);
  const RedisNames names(release, kubectl.name_space());
  std::vector<std::string> wanted = {"secret/" + names.full, "statefulset/" + names.workload, "pod/" + names.pod,
                                     "persistentvolumeclaim/" + names.claim, "service/" + names.workload};
  for (const std::string& service : services) {
    if (service.find('/') == std::string::npos) wanted.push_back("service/" + service);
  }
  const std::vector<Command> questions = {kubectl.get(wanted), kubectl.all_records(release)};
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  try {
    for (const json& item : Kubectl::parse_items(questions[0], answers[0])) found.take(item);
    const json records = Kubectl::parse_items(questions[1], answers[1]);
    for (const json& record : records) found.take_record(record.value("/metadata/labels"_json_pointer, json::object()));
    look_at_missing_services(context, kubectl, found);
    if (found.installed()) look_further(context, kubectl, found, found.record() ? &records : nullptr);
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  }
  return found;
}

std::vector<FoundRelease> look_at_all_releases(Context& context, const Kubectl& kubectl,
                                               const std::vector<Credentials>& credentials) {
  const std::string ours = std::string(managed_by_label) + "=" + managed_by_us;
  const std::vector<Command> questions = {
      kubectl.release_records_everywhere(ours),
      kubectl.list_everywhere(std::string(release_kinds) + ",persistentvolumeclaims", "app.kubernetes.io/name=redis"),
      kubectl.list_everywhere("secrets", ours, "type=Opaque"),  // without Helm's, which hold whole charts
      kubectl.deployed_records_everywhere(ours),
  };
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  if (std::any_of(answers.begin(), answers.end(), is_forbidden)) {
    return look_where_credentials_are(context, kubectl, credentials);
  }
  std::vector<FoundRelease> all;
  try {
    for (const json& record : Kubectl::parse_release_records(questions[0], answers[0])) {
      release_of(all, record.value("namespace", ""), record.value("name", "")).take_record(record);
    }
    const json objects = Kubectl::parse_items(questions[1], answers[1]);
    const json secrets = Kubectl::parse_items(questions[2], answers[2]);
    const json manifests = Kubectl::parse_items(questions[3], answers[3]);
    for (const json* const items : {&objects, &secrets}) {
      for (const json& item : *items) {
        const std::string release =
            item.value("/metadata/labels"_json_pointer, json::object()).value("app.kubernetes.io/instance", "");
        for (FoundRelease& one : all) {
          if (one.release() == release && one.name_space() == text(item, "/metadata/namespace")) one.take(item);
        }
      }
    }
    for (FoundRelease& one : all) {
      const Kubectl there(context.runner, kubectl.cluster(), one.name_space());
      look_at_missing_services(context, there, one);
      look_further(context, there, one, nullptr);
      one.take_state(ReleaseState::pick(context, there, one.release(), manifests, objects));
    }
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  }
  std::sort(all.begin(), all.end(), [](const FoundRelease& left, const FoundRelease& right) {
    return std::pair(left.name_space(), left.release()) < std::pair(right.name_space(), right.release());
  });
  return all;
}

}  // namespace raibid
