// What setup --diff shows: values and objects against those of the cluster. Nothing of a Secret but its keys.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/unchangeable.hpp"
#include "components/redis/run/record_change.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ObjectChange change_of(ObjectChange::What what, const json& object) {
  return {what, text_at(object, {"kind"}), text_at(object, {"metadata", "name"})};
}

/// Texts of several lines (redis.conf, a script) line by line, and the keys that they have.
std::vector<std::string> text_changes(const json& live, const json& wanted, std::vector<std::string>& keys) {
  std::vector<std::string> lines;
  const json& after = at(wanted, {"data"});
  if (text_at(wanted, {"kind"}) != "ConfigMap" || !after.is_object()) return lines;
  for (const auto& [key, text] : after.items()) {
    const std::string before = text_at(live, {"data", key});
    if (!text.is_string() || before.empty()) continue;
    const std::vector<std::string> changes = line_changes(before, text.get<std::string>());
    if (changes.empty()) continue;
    keys.push_back(fmt::format("data[{}]", key));
    lines.push_back(" " + key + ":");
    lines.insert(lines.end(), changes.begin(), changes.end());
  }
  return lines;
}

/// What we write down of what was asked is on each object: it is shown once (record_change).
bool is_record(const std::string& path) { return path.find(spec_annotation) != std::string::npos; }

/// What differs of one object: fields that the manifest sets and the cluster has otherwise, and fields that the
/// previous manifest (null when the object is new) set and this one does not.
std::optional<ObjectChange> difference(const json& wanted, const json& live, const json* before) {
  ObjectChange change = change_of(ObjectChange::What::changed, wanted);
  std::vector<std::string> as_lines;
  change.lines = text_changes(live, wanted, as_lines);
  for (const FieldDifference& field : compare_object(wanted, live)) {
    if (is_record(field.path)) continue;
    if (std::find(as_lines.begin(), as_lines.end(), field.path) == as_lines.end())
      change.values.push_back({field.path, field.live, field.wanted});
  }
  if (before != nullptr) {
    for (const FieldDifference& gone : compare_object(*before, wanted)) {
      if (gone.live.empty() && !is_record(gone.path)) change.values.push_back({gone.path, gone.wanted, ""});
    }
  }
  if (change.values.empty() && change.lines.empty()) return std::nullopt;
  return change;
}

json live_objects(Context& context, const Kubectl& kubectl, const json& wanted, const std::string& name_space) {
  std::map<std::string, json> by_namespace;
  for (const json& object : wanted) {
    const std::string own = text_at(object, {"metadata", "namespace"});
    by_namespace[own.empty() ? name_space : own].push_back(object);
  }
  json live = json::array();
  for (const auto& [space, objects] : by_namespace) {
    const Kubectl there(context.runner, kubectl.cluster(), space);
    const Command question = there.get_objects(objects);
    for (const json& item : Kubectl::parse_items(question, there.ask(question, context.deadline))) live.push_back(item);
  }
  return live;
}

}  // namespace

SetupDiff Installation::diff() {
  SetupDiff diff;
  const ReleaseName name{settings.release, settings.name_space};
  const auto add = [&diff](const json& object, bool exists) {
    ObjectChange change = change_of(exists ? ObjectChange::What::changed : ObjectChange::What::created, object);
    if (exists) change.values.push_back({"data", "***", "*** (changed)"});
    diff.objects.push_back(std::move(change));
  };
  if (!observed.name_space) diff.objects.push_back(change_of(ObjectChange::What::created, json(namespace_manifest())));
  const bool puts_back = observed.secret && !put_back_passwords().empty();
  const bool changes_secret = observed.secret && (changes_users() || puts_back || !missing_helpers().empty());
  if (settings.auth && (!observed.secret || changes_secret)) {
    const json secret = {{"kind", "Secret"}, {"metadata", {{"name", m_names.full}}}};
    add(secret, observed.secret.has_value());
  }
  for (const ordered_json& manifest : certificate_manifests()) {
    const std::string object = text_at(json(manifest), {"metadata", "name"});
    const bool is_trust = text_at(json(manifest), {"kind"}) == "ConfigMap";
    const auto& there = is_trust                      ? observed.tls.trust
                        : object == m_names.authority ? observed.tls.authority
                                                      : observed.tls.certificate;
    add(json(manifest), there.has_value());
  }
  if (claim_is_to_grow(observed, settings)) {
    ObjectChange claim{ObjectChange::What::changed, "PersistentVolumeClaim", m_names.claim};
    claim.values.push_back({"spec.resources.requests.storage", observed.claim()->requested, settings.size});
    diff.objects.push_back(std::move(claim));
  }
  const json rendered = ReleaseState::objects_of(render(m_context.deadline));
  const json live = observed.name_space && observed.record
                        ? live_objects(m_context, session.kubectl, rendered, settings.name_space)
                        : json::array();
  const json before = observed.state ? observed.state->manifest() : json::array();
  for (const json& wanted : rendered) {
    const json* const there = find_object(live, wanted, name);
    if (there == nullptr) {
      diff.objects.push_back(change_of(ObjectChange::What::created, wanted));
    } else if (auto change = difference(wanted, *there, find_object(before, wanted, name))) {
      diff.objects.push_back(std::move(*change));
    }
  }
  for (const json& present : before) {
    if (find_object(rendered, present, name) == nullptr)
      diff.objects.push_back(change_of(ObjectChange::What::removed, present));
  }
  if (observed.workload && !observed.workload->spec.empty()) {
    if (auto change = record_change(parse_spec(observed.workload->spec), spec_for_cluster(settings)))
      diff.objects.push_back(std::move(*change));
  }
  // of -f and --set only helm knows what they make of the values
  if (observed.record && settings.sets.empty() && settings.values_files.empty()) {
    const Output answer = session.helm.run_checked(session.helm.get_values(settings.release), m_context.deadline);
    const json present = json::parse(answer.out, nullptr, false);
    if (present.is_object()) diff.values = value_changes(present, json(values()));
    std::erase_if(diff.values, [](const ValueChange& value) { return is_record(value.path); });
  }
  return diff;
}

}  // namespace raibid
