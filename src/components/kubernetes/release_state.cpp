#include "components/kubernetes/release_state.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/kubernetes/verdict.hpp"
#include "config/yaml.hpp"
#include "tools/helm_record.hpp"

namespace raibid {

using nlohmann::json;

namespace {

constexpr Duration endpoints_pause = std::chrono::milliseconds(300);
constexpr int endpoints_looks = 5;  ///< the endpoints of a pod that has just become Ready follow within a second
constexpr const char* slices = "endpointslices.discovery.k8s.io";

std::string instance_label(const std::string& release) { return "app.kubernetes.io/instance=" + release; }

bool is_document_end(std::string_view line) { return line == "---" || line.starts_with("--- "); }

std::map<std::string, json> by_namespace(const json& objects, const std::string& default_namespace) {
  std::map<std::string, json> sorted;
  for (const json& object : objects) {
    const std::string space = text_at(object, {"metadata", "namespace"});
    json& there = sorted[space.empty() ? default_namespace : space];
    if (there.is_null()) there = json::array();
    there.push_back(object);
  }
  return sorted;
}

bool selects(const json& selector, const json& pod) {
  const json& labels = at(pod, {"metadata", "labels"});
  return std::all_of(selector.items().begin(), selector.items().end(), [&](const auto& pair) {
    return labels.is_object() && labels.value(pair.key(), json()) == pair.value();
  });
}

struct Endpoints {
  int ready = 0;
  bool has_port = false;
};

Endpoints endpoints_of(const json& live, const std::string& service, const std::string& name_space) {
  Endpoints found;
  for (const json& slice : live) {
    if (text_at(slice, {"kind"}) != "EndpointSlice" || text_at(slice, {"metadata", "namespace"}) != name_space ||
        text_at(slice, {"metadata", "labels", "kubernetes.io/service-name"}) != service)
      continue;
    found.has_port = found.has_port || !items_at(slice, {"ports"}).empty();
    for (const json& endpoint : items_at(slice, {"endpoints"})) {
      const json& ready = at(endpoint, {"conditions", "ready"});
      if (ready.is_null() || ready == true) ++found.ready;  // null counts as ready (EndpointConditions)
    }
  }
  return found;
}

/// Why a Service leads to no ready pod, "" when it does. `settles`: the pod is Ready, so that it may do so in a moment.
std::string why_dead(const json& service, const json& live, bool& settles) {
  const json& selector = at(service, {"spec", "selector"});
  const std::string type = text_at(service, {"spec", "type"});
  const bool leads_to_pods = selector.is_object() && !selector.empty() && type != "ExternalName" &&
                             text_at(service, {"spec", "clusterIP"}) != "None";
  const std::string space = text_at(service, {"metadata", "namespace"});
  if (!leads_to_pods) return "";
  const Endpoints endpoints = endpoints_of(live, text_at(service, {"metadata", "name"}), space);
  if (endpoints.ready > 0 && endpoints.has_port) return "";
  std::vector<std::string> unready;
  bool ready = false;
  for (const json& pod : live) {
    if (text_at(pod, {"kind"}) != "Pod" || text_at(pod, {"metadata", "namespace"}) != space || !selects(selector, pod))
      continue;
    if (is_ready(pod)) {
      ready = true;
    } else {
      unready.push_back(text_at(pod, {"metadata", "name"}));
    }
  }
  settles = settles || ready;
  if (ready && endpoints.ready > 0) return "the pod has no such port";
  if (ready) return "the cluster has no endpoint for its pod, although that is Ready";
  if (!unready.empty()) return fmt::format("pod {} is not Ready", join(unready, ", "));
  return "its selector matches no pod";
}

}  // namespace

ReleaseState::ReleaseState(ReleaseName name)
    : m_name(std::move(name)), m_manifest(std::make_shared<json>(json::array())) {}

ReleaseState ReleaseState::not_known(ReleaseName name, std::string why, const json& records) {
  ReleaseState state(std::move(name));
  try {
    state.take_record(records);
  } catch (const Error&) {
    state.m_manifest->clear();  // `why` is what counts
  }
  state.m_unknown = std::move(why);
  return state;
}

Command ReleaseState::list(const Kubectl& kubectl, const std::string& release) {
  return kubectl.list(release_kinds, instance_label(release));
}

std::vector<Command> ReleaseState::questions(const Kubectl& kubectl, const std::string& release) {
  return {kubectl.deployed_record(release), list(kubectl, release)};
}

json ReleaseState::objects_of(const std::string& manifest) {
  json objects = json::array();
  std::string document;
  const auto take = [&] {
    const json object = parse_yaml(document, "the release's manifest");
    if (object.is_object()) objects.push_back(object);
    document.clear();
  };
  for (const std::string& line : split(manifest, '\n')) {
    if (is_document_end(line)) {
      take();
    } else {
      document += line + "\n";
    }
  }
  take();
  return objects;
}

void ReleaseState::take_record(const json& records) {
  for (const json& secret : records) {
    if (text_at(secret, {"metadata", "labels", "status"}) != "deployed") continue;
    // of another release: unpacking its manifest costs milliseconds, and there may be many
    if (const std::string name = text_at(secret, {"metadata", "labels", "name"}); !name.empty() && name != m_name.name)
      continue;
    if (const std::string space = text_at(secret, {"metadata", "namespace"});
        !space.empty() && space != m_name.name_space)
      continue;
    const std::optional<HelmRecord> record = read_helm_record(secret);
    if (!record || record->release != m_name.name || record->name_space != m_name.name_space ||
        record->revision <= m_revision)
      continue;
    m_revision = record->revision;
    *m_manifest = objects_of(record->manifest);
    m_unknown.clear();
  }
}

void ReleaseState::ask_for_the_rest(Context& context, const Kubectl& kubectl, json& live) const {
  json missing = json::array();
  for (const json& wanted : *m_manifest) {
    if (!find_object(live, wanted, m_name)) missing.push_back(wanted);
  }
  for (const auto& [space, objects] : by_namespace(missing, m_name.name_space)) {
    const Kubectl there(context.runner, kubectl.cluster(), space);
    const Command question = there.get_objects(objects);
    for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline)))
      live.push_back(item);
  }
}

void ReleaseState::find_dead_services(const json& live) {
  m_dead.clear();
  bool ignored = false;
  for (const json& wanted : *m_manifest) {
    if (text_at(wanted, {"kind"}) != "Service") continue;
    const json* const service = find_object(live, wanted, m_name);
    if (!service) continue;  // that is a difference
    const std::string why = why_dead(*service, live, ignored);
    if (!why.empty()) m_dead[text_at(*service, {"metadata", "name"})] = why;
  }
}

void ReleaseState::compare(Context& context, const Kubectl& kubectl, json live) {
  ask_for_the_rest(context, kubectl, live);
  m_drift = compare_release(*m_manifest, live, m_name);
  for (int looks = 0;; ++looks) {
    bool settles = false;
    for (const json& object : live) {
      if (text_at(object, {"kind"}) == "Service") why_dead(object, live, settles);
    }
    if (!settles || looks == endpoints_looks) break;
    context.runner.wait({}, context.runner.now() + endpoints_pause);
    const Command question = kubectl.list(slices, instance_label(m_name.name));
    json again = Kubectl::parse_items(question, kubectl.ask(question, context.deadline));
    for (json& object : live) {
      if (text_at(object, {"kind"}) != "EndpointSlice") again.push_back(std::move(object));
    }
    live = std::move(again);
  }
  find_dead_services(live);
}

ReleaseState ReleaseState::pick(Context& context, const Kubectl& kubectl, const std::string& release,
                                const json& records, const json& objects) {
  ReleaseState state({release, kubectl.name_space()});
  try {
    state.take_record(records);
    if (!state.m_unknown.empty()) return state;
    json live = json::array();
    for (const json& object : objects) {
      if (text_at(object, {"metadata", "namespace"}) == kubectl.name_space() &&
          text_at(object, {"metadata", "labels", "app.kubernetes.io/instance"}) == release)
        live.push_back(object);
    }
    state.compare(context, kubectl, std::move(live));
  } catch (const Error& error) {
    state.m_unknown = error.message();
    state.m_drift.clear();
  }
  return state;
}

ReleaseState ReleaseState::read(Context& context, const Kubectl& kubectl, const std::string& release,
                                std::span<const Command> questions, std::span<const Output> answers) {
  json records;
  json objects;
  try {
    records = Kubectl::parse_items(questions[0], answers[0]);
    objects = Kubectl::parse_items(questions[1], answers[1]);
  } catch (const Error& error) {
    return not_known({release, kubectl.name_space()}, error.message(), records);
  }
  return pick(context, kubectl, release, records, objects);
}

std::string dead_service(const std::string& service, const std::string& why) {
  return fmt::format("Service {} leads to no ready pod: {}", service, why);
}

std::vector<ReleaseState::Ports> ReleaseState::changed_ports() const {
  std::vector<Ports> all;
  for (const Drift& drift : m_drift) {
    const bool differ = std::any_of(drift.fields.begin(), drift.fields.end(),
                                    [](const FieldDifference& field) { return field.path.starts_with("spec.ports"); });
    const json& wanted = (*m_manifest)[drift.at];
    if (text_at(wanted, {"kind"}) != "Service" || !differ) continue;
    const std::string space = text_at(wanted, {"metadata", "namespace"});
    all.push_back({space.empty() ? m_name.name_space : space, text_at(wanted, {"metadata", "name"}),
                   &at(wanted, {"spec", "ports"})});
  }
  return all;
}

std::map<std::string, json> ReleaseState::repair() const {
  json objects = json::array();
  for (const Drift& drift : m_drift) objects.push_back(as_helm_applies((*m_manifest)[drift.at], m_name));
  std::map<std::string, json> lists;
  for (auto& [space, items] : by_namespace(objects, m_name.name_space))
    lists[space] = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}};
  return lists;
}

}  // namespace raibid
