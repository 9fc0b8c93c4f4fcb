#include "fakes/fake_cluster.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "fakes/fake_cluster_child.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "tools/certificate.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <stdexcept>

namespace raibid {

using namespace fake_cluster;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr const char* no_answer = "\x01{ this is [no answer\n";
/// "StatefulSet" → "statefulset".
std::string key_of(const json& object) {
  const bool of_cert_manager = object.value("apiVersion", "").starts_with("cert-manager.io/");
  return to_lower(object.at("kind").get<std::string>()) + (of_cert_manager ? ".cert-manager.io/" : "/") +
         object.at("metadata").at("name").get<std::string>();
}

/// As Kubectl::list_items asks for it.
std::string item_line(const json& object) {
  const std::string kind = object.at("kind").get<std::string>();
  const std::string api = kind == "StatefulSet" ? "apps/v1" : kind == "Lease" ? "coordination.k8s.io/v1" : "v1";
  const std::string name = object.at("metadata").at("name").get<std::string>();
  return fmt::format("{}\t{}\t{}\t\t\t\n", object.value("apiVersion", api), kind, name);
}

bool in_namespace(const std::string& key) {
  return !key.starts_with("namespace/") && !key.starts_with("storageclass/");
}

}  // namespace

FakeCluster::FakeCluster(std::filesystem::path state_file, Signals& signals, Fault fault)
    : m_file(std::move(state_file)), m_signals(signals), m_fault(std::move(fault)) {
  if (const auto text = read_file(m_file, 64 << 20)) {
    m_state = json::parse(*text);
  } else {
    m_state = {{"objects", json::object()},
               {"releases", json::array()},
               {"groups", json::object()},
               {"servers", json::object()},
               {"version", 100},
               {"now", 0}};
    put("namespace/kube-system", {{"kind", "Namespace"}, {"metadata", {{"name", "kube-system"}}}});
    put("storageclass/local-path",
        {{"kind", "StorageClass"},
         {"metadata",
          {{"name", "local-path"}, {"annotations", {{"storageclass.kubernetes.io/is-default-class", "true"}}}}}});
  }
  m_clock.advance(milliseconds(m_state.at("now").get<long long>()));
}

FakeCluster::~FakeCluster() { save(); }

void FakeCluster::save() const {
  json state = m_state;
  state["now"] = std::chrono::duration_cast<milliseconds>(m_clock.now() - FakeClock().now()).count();
  std::ofstream(m_file) << state.dump();
}

void FakeCluster::die() {
  save();
  ::raise(SIGKILL);
  throw std::logic_error("unreachable");
}

void FakeCluster::put(const std::string& key, json object) {
  const int version = m_state["version"].get<int>() + 1;
  m_state["version"] = version;
  json& metadata = object["metadata"];
  if (!metadata.contains("uid")) metadata["uid"] = fmt::format("uid-{}", version);
  metadata["resourceVersion"] = std::to_string(version);
  m_state["objects"][key] = std::move(object);
  if (key.starts_with("certificate.cert-manager.io/")) issue(key);
}

/// cert-manager: the Secret of a Certificate, when the spec has changed, by the CA that the test has put into the
/// state. Without one it does nothing.
void FakeCluster::issue(const std::string& key) {
  if (!m_state.contains("issuer")) return;  // nobody issues
  json& certificate = m_state["objects"][key];
  certificate["status"] = {{"conditions", json::array({{{"type", "Ready"}, {"status", "True"}}})}};
  const json& spec = certificate.at("spec");
  const std::string name = spec.at("secretName");
  const json* const present = find("secret/" + name);
  const json wanted = {spec.at("dnsNames"), spec.at("issuerRef")};
  if (present != nullptr && (*present).value("of", json()) == wanted) return;
  const json& ca = m_state.at("issuer");
  CertificateRequest request;
  request.common_name = spec.at("commonName");
  request.names = spec.at("dnsNames").get<std::vector<std::string>>();
  request.server = true;
  request.client = true;
  request.from = m_clock.wall() - std::chrono::hours(1);
  request.until = m_clock.wall() + std::chrono::hours(24 * 90);
  const KeyPair pair =
      issue_certificate({ca.at("certificate"), Secret(ca.at("key").get<std::string>())}, request, "it");
  json metadata = present != nullptr ? present->at("metadata") : spec.value("secretTemplate", json::object());
  metadata["name"] = name;
  metadata["annotations"]["cert-manager.io/certificate-name"] = certificate.at("metadata").at("name");
  put("secret/" + name, {{"kind", "Secret"},
                         {"metadata", metadata},
                         {"of", wanted},
                         {"data",
                          {{"tls.crt", base64_encode(pair.certificate)},
                           {"tls.key", base64_encode(pair.key.reveal())},
                           {"ca.crt", base64_encode(ca.at("certificate").get<std::string>())}}}});
}

json* FakeCluster::find(const std::string& key) {
  json& objects = m_state["objects"];
  const auto found = objects.find(key);
  return found == objects.end() ? nullptr : &*found;
}

/// What goes takes with it what belongs to it.
void FakeCluster::forget(const std::string& key) {
  json& objects = m_state["objects"];
  objects.erase(key);
  if (key == claim_key) m_state["groups"] = json::object();
  if (key == set_key && pod_grace == milliseconds(0)) objects.erase(pod_key);
  if (key == set_key && find(pod_key)) begin_end(pod_key);
  if (key == set_key) make_nodes(1);
  const int node = node_of_pod(key);
  if (node >= 0) m_state["servers"].erase(fmt::format("node {}", node));
  if (node >= 0) m_state["servers"].erase(fmt::format("sentinel {}", node));
  if (node >= 0 && find(set_key) && node < nodes_of_set(*find(set_key))) make_pod(node);
  if (!key.starts_with("namespace/")) return;
  m_state["releases"] = json::array();
  m_state["groups"] = json::object();
  for (auto it = objects.begin(); it != objects.end();) it = in_namespace(it.key()) ? objects.erase(it) : std::next(it);
}

json FakeCluster::contents() const {
  json seen = {{"groups", m_state.at("groups")}, {"objects", json::array()}, {"release", nullptr}};
  const auto set = m_state.at("objects").find(set_key);
  const bool plain = set != m_state.at("objects").end() &&
                     !json::parse((*set).at("values").get<std::string>()).value("/tls/enabled"_json_pointer, false);
  // of a Redis that is plain now what TLS needed may stay when all is done: the next run removes it
  const auto is_left = [&](const std::string& key) {
    return plain && (key.ends_with("/raibid-redis-tls") || key.ends_with("/raibid-redis-ca"));
  };
  for (const auto& [key, object] : m_state.at("objects").items()) {
    if (!is_left(key)) seen["objects"].push_back(key);
  }
  if (const auto other = m_state.at("objects").find("secret/queue-password"); other != m_state.at("objects").end())
    seen["someone else's"] = *other;
  if (const auto secret = m_state.at("objects").find("secret/raibid-redis"); secret != m_state.at("objects").end()) {
    seen["password"] = (*secret).at("data").at("redis-password");
    // what a change replaced may stay when all is done: the next run removes it
    for (const auto& [key, value] : (*secret).at("data").items()) {
      if (key != "previous-users") seen["secret"].push_back(key);
    }
  }
  const auto secret_of_tls = m_state.at("objects").find("secret/raibid-redis-tls");
  if (secret_of_tls != m_state.at("objects").end() && !is_left("secret/raibid-redis-tls")) {
    const std::string pem = base64_decode((*secret_of_tls).at("data").at("tls.crt").get<std::string>());
    for (const auto& [key, value] : (*secret_of_tls).at("data").items()) {
      if (key != "previous-certificates") seen["certificate"]["keys"].push_back(key);
    }
    const CertificateFacts facts = read_certificate(pem, "the fake cluster");
    seen["certificate"]["cas"] =
        each_certificate(base64_decode((*secret_of_tls).at("data").at("ca.crt").get<std::string>())).size();
    seen["certificate"]["old"] = m_clock.wall() - facts.not_before > std::chrono::hours(24) * 365;
    const bool mounts_it = set != m_state.at("objects").end() && certificate_key_of(*set) == "secret/raibid-redis-tls";
    if (mounts_it && m_state.at("objects").contains(pod_key))
      seen["certificate"]["served"] = m_state.value("served", "") == pem;
  }
  for (const json& record : m_state.at("releases")) {
    if (record.at("status") != "superseded") seen["release"] = {record.at("status"), record.at("values")};
  }
  for (int node = 0; set != m_state.at("objects").end() && node < nodes_of_set(*set); ++node) {
    const auto pod = m_state.at("objects").find(pod_key_of(node));
    if (pod != m_state.at("objects").end() && (*pod).value("spec", json()) != (*set)["spec"]["template"]["spec"])
      seen["unlike the template"].push_back(pod.key());
  }
  const json users = m_state.value("users", json::object());
  for (const auto& [name, rules] : users.items()) {
    json shown = rules;  // in any order, and with new passwords
    std::erase_if(shown.get_ref<json::array_t&>(), [](const json& r) { return r.get<std::string>().starts_with('#'); });
    std::sort(shown.begin(), shown.end());
    if (m_state.at("objects").contains(pod_key)) seen["users"][name] = shown;
  }
  // of each node and sentinel: how many passwords a user has, and whether it logs in to the others with the Secret's
  const json servers = m_state.value("servers", json::object());
  for (const auto& [name, server] : servers.items()) {
    if (!m_state.at("objects").contains(pod_key_of(std::stoi(name.substr(name.find(' ') + 1))))) continue;
    for (const auto& [user, rules] : server.at("users").items())
      seen["servers"][name][user] = std::count_if(
          rules.begin(), rules.end(), [](const json& rule) { return rule.get<std::string>().starts_with('#'); });
    if (!m_state.at("objects").contains("secret/raibid-redis")) continue;
    const json& data = m_state.at("objects").at("secret/raibid-redis").at("data");
    seen["servers"][name]["knows the others"] =
        server.at("password") == sha256_hex(base64_decode(data.at("internal-password").get<std::string>()));
  }
  if (set != m_state.at("objects").end()) seen["running"] = (*set).at("values");
  if (!std::filesystem::exists(data())) return seen;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data())) {
    if (entry.is_regular_file())
      seen["data"][std::filesystem::relative(entry.path(), data())] = read_file(entry.path()).value_or("");
  }
  return seen;
}

std::unique_ptr<Process> FakeCluster::start(const Command& command) {
  m_signals.check();
  const int number = ++m_children;
  const bool faulty = number == m_fault.child;
  const bool is_disk = m_fault.kind == Fault::Kind::disk_full || m_fault.kind == Fault::Kind::read_only;
  if (faulty && is_disk) m_fault.disk();
  if (m_observer) m_observer(::getpid(), command);
  if (on_start) on_start(number);
  auto child = std::make_unique<Child>(*this, command, number);
  if (m_rolling_back) ++m_rollback_children;
  child->refused = m_fault.rollback_child > 0 && m_rollback_children >= m_fault.rollback_child &&
                   m_rollback_children < m_fault.rollback_child + m_fault.server_errors;
  if (faulty && m_fault.kind == Fault::Kind::kill_before) die();
  const Words words(command.argv);
  child->stays = words.has("-w") || words.verb() == "port-forward";
  if (words.has("-w")) child->watched = words.list.at(1);
  if (!command.input_follows) begin(*child);
  return child;
}

/// It has all its input: from here on it acts.
void FakeCluster::begin(Child& child) {
  child.due = now() + answer_time;
  if (child.number != m_fault.child) return;
  switch (m_fault.kind) {
    case Fault::Kind::none:
    case Fault::Kind::garbage:
    case Fault::Kind::disk_full:
    case Fault::Kind::read_only:
    case Fault::Kind::kill_before:
    case Fault::Kind::kill_after:
      return;
    default:
      break;
  }
  if (!child.stays) act(child, true);
  if (m_fault.kind == Fault::Kind::kill_during) die();
  if (m_fault.kind == Fault::Kind::hangs) child.due = TimePoint::max();
  if (m_fault.kind == Fault::Kind::sigint) ::raise(SIGINT);
  if (m_fault.kind == Fault::Kind::sigterm) ::raise(SIGTERM);
}

void FakeCluster::step_said(const std::string& line) {
  if (line.starts_with("started: rollback\n")) m_rolling_back = true;
  const bool begins = line.starts_with("started: " + m_fault.step + "\n");
  const bool ends = line.starts_with("ok: " + m_fault.step + ":");
  if (m_fault.step.empty() || (!begins && !ends)) return;
  if (m_fault.kind == (begins ? Fault::Kind::kill_before : Fault::Kind::kill_after)) die();
  if (!begins) return;
  if (m_fault.kind == Fault::Kind::sigint) ::raise(SIGINT);
  if (m_fault.kind == Fault::Kind::sigterm) ::raise(SIGTERM);
  if (m_fault.disk && (m_fault.kind == Fault::Kind::disk_full || m_fault.kind == Fault::Kind::read_only))
    m_fault.disk();
}

bool FakeCluster::wait(std::span<Process* const> processes, TimePoint until) {
  m_signals.check();
  TimePoint next = until;
  Child* first = nullptr;
  for (Process* process : processes) {
    if (process == nullptr || process->finished()) continue;
    auto& child = dynamic_cast<Child&>(*process);
    if (child.due < next) {
      next = child.due;
      first = &child;
    }
  }
  if (next == TimePoint::max()) throw std::logic_error("FakeCluster: this waits for ever");
  m_clock.advance_to(next);
  cluster_goes_on();
  bool news = false;
  for (Process* process : processes) {
    if (process == nullptr || process->finished()) continue;
    auto& child = dynamic_cast<Child&>(*process);
    const std::size_t before = child.text.size();
    if (!child.watched.empty() && child.due != TimePoint::max()) say_news(child);
    news = news || child.text.size() != before;
  }
  if (first == nullptr) return news;
  first->due = TimePoint::max();
  const bool faulty = first->number == m_fault.child;
  const auto is = [&](Fault::Kind kind) { return faulty && m_fault.kind == kind; };
  if (first->refused && !first->stays) {
    first->errors +=
        "Error from server (InternalError): an error on the server (\"\") has prevented the request from succeeding\n";
    first->finish(1);
  } else if (is(Fault::Kind::exits)) {
    first->errors += "Error: it failed for the test's sake\n";
    first->finish(1);
  } else if (is(Fault::Kind::killed)) {
    first->finish(128 + SIGKILL);
  } else if (first->stays) {
    first->due = first->watched.empty() ? TimePoint::max() : now() + milliseconds(50);
    if (first->watched.empty()) {
      const Words words(first->command.argv);
      first->text += forwarding(words.list.at(3), words.list.at(4));
    }
    if (is(Fault::Kind::garbage)) {
      first->text += no_answer;
      m_fault.kind = Fault::Kind::none;
    }
  } else {
    act(*first, false);
    if (is(Fault::Kind::garbage)) first->text = no_answer;
    first->finish(first->exit_code);
  }
  if (is(Fault::Kind::kill_after)) die();
  return true;
}

void FakeCluster::begin_end(const std::string& key) {
  json& pod = *find(key);
  if (pod["metadata"].contains("deletionTimestamp")) return;
  pod["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z";
  pod["gone_at"] = std::chrono::duration_cast<milliseconds>(m_clock.now() - FakeClock().now() + pod_grace).count();
}

void FakeCluster::cluster_goes_on() {
  if (json* const ending = find(pod_key);
      ending != nullptr && ending->contains("gone_at") &&
      milliseconds((*ending)["gone_at"].get<long long>()) <= m_clock.now() - FakeClock().now())
    forget(pod_key);
  const json* const set = find(set_key);
  const int nodes = set == nullptr ? 1 : nodes_of_set(*set);
  for (int node = 0; node < nodes; ++node) {
    json* const pod = find(pod_key_of(node));
    if (pod == nullptr || (*pod)["status"]["phase"] == "Running") continue;
    if (milliseconds((*pod)["ready_at"].get<long long>()) > m_clock.now() - FakeClock().now()) continue;
    json ready = *pod;
    const json condition = {{"type", "Ready"}, {"status", "True"}};
    json containers = json::array();
    for (const char* const name : {"redis", "sentinel"}) {
      if (nodes > 1 || containers.empty())
        containers.push_back({{"name", name}, {"ready", true}, {"state", {{"running", json::object()}}}});
    }
    ready["status"] = {{"phase", "Running"}, {"conditions", {condition}}, {"containerStatuses", containers}};
    put(pod_key_of(node), ready);
  }
}

/// A watch tells what has changed since it spoke last.
void FakeCluster::say_news(Child& child) {
  if (child.watched != "pods") return;
  json seen = json::object();
  for (const auto& [key, object] : m_state["objects"].items()) {
    if (node_of_pod(key) >= 0) seen[key] = object;
  }
  const auto say = [&](const char* type, const json& object) {
    child.text += json{{"type", type}, {"object", object}}.dump() + "\n";
  };
  for (const auto& [key, before] : child.last_said.items()) {
    if (!seen.contains(key) || seen[key]["metadata"]["uid"] != before["metadata"]["uid"]) say("DELETED", before);
  }
  for (const auto& [key, now] : seen.items()) {
    const bool known =
        child.last_said.contains(key) && child.last_said[key]["metadata"]["uid"] == now["metadata"]["uid"];
    if (!known || child.last_said[key] != now) say(known ? "MODIFIED" : "ADDED", now);
  }
  child.last_said = seen;
}

void FakeCluster::act(Child& child, bool half) {
  const Words words(child.command.argv);
  if (child.command.argv.front() == "helm") return helm(child, words, half);
  kubectl(child, words, half);
}

void FakeCluster::kubectl(Child& child, const Words& words, bool half) {
  const std::string& verb = words.verb();
  if (verb == "create") return create(child, words, half);
  if (verb == "exec") return exec(child, words);  // a program that is done may fail all the same
  if (half) return;
  if (verb == "config") {
    const json cluster = {{"name", "c"}, {"cluster", {{"server", "https://fake:6443"}}}};
    const json context = {{"name", "fake"}, {"context", {{"cluster", "c"}, {"user", "u"}}}};
    child.text =
        json{
            {"current-context", "fake"}, {"clusters", {cluster}}, {"contexts", {context}}, {"users", {{{"name", "u"}}}}}
            .dump();
  } else if (verb == "version") {
    child.text = R"({"clientVersion": {"gitVersion": "v1.35.2"}, "serverVersion": {"gitVersion": "v1.34.4"}})";
  } else if (verb == "get") {
    get(child, words);
  } else if (verb == "replace" || verb == "apply") {
    replace(child, words);
  } else if (verb == "patch") {
    patch(child, words);
  } else if (verb == "label") {
    label(child, words);
  } else if (verb == "delete") {
    words.has("--raw") ? remove_raw(child, words) : remove(child, words);
  } else if (verb == "api-resources") {
    child.text = "secrets\npods\npersistentvolumeclaims\nservices\nstatefulsets.apps\nleases.coordination.k8s.io\n";
  } else if (verb != "logs") {
    throw std::logic_error("FakeCluster knows no kubectl " + verb);
  }
}

void FakeCluster::get(Child& child, const Words& words) {
  const std::string& what = words.list.at(1);
  json items = json::array();
  if (words.has("--raw")) {
    child.text = R"({"groups": [{"name": "apps", "preferredVersion": {"groupVersion": "apps/v1"}}]})";
    return;
  }
  if (words.has("--show-labels")) {
    for (const json& record : m_state["releases"]) {
      std::string labels;
      for (const auto& [name, value] : record.items()) {
        if (name != "values") labels += (labels.empty() ? "" : ",") + name + "=" + value.get<std::string>();
      }
      child.text += fmt::format("sh.helm.release.v1.{}.v{}   helm.sh/release.v1   1   5s   {}\n", release,
                                record["version"].get<std::string>(), labels);
    }
    return;
  }
  if (words.after("-o").starts_with("jsonpath=")) {
    for (const auto& [key, object] : m_state["objects"].items()) {
      if (in_namespace(key)) child.text += item_line(object);
    }
    return;
  }
  if (what == "secrets" && words.after("-l").starts_with("owner=helm")) {  // without what Helm keeps in them
    for (json labels : m_state["releases"]) {
      labels.erase("values");
      items.push_back({{"kind", "Secret"}, {"metadata", {{"labels", labels}}}});
    }
    child.text = json{{"kind", "List"}, {"items", items}}.dump();
    return;
  }
  for (const auto& [key, object] : m_state["objects"].items()) {
    const bool named = words.has(key);
    bool listed = what.find('/') == std::string::npos && (what + "/").find(key.substr(0, key.find('/'))) == 0;
    const bool of_proxies = words.after("-l").find("redis-proxy") != std::string::npos;
    if (key.starts_with("pod/") && of_proxies != key.starts_with("pod/raibid-redis-proxy-")) listed = false;
    if (named || listed) items.push_back(object);
  }
  child.text = json{{"kind", "List"}, {"items", items}}.dump();
}

void FakeCluster::create(Child& child, const Words& words, bool half) {
  if (words.has("--dry-run=server")) return try_to_create(child, half);
  json manifest = json::parse(child.command.input);
  json items = manifest.value("items", json::array({manifest}));
  for (json& item : items) {
    const bool rules = item["kind"] == "SelfSubjectRulesReview";
    if (rules || item["kind"] == "SelfSubjectAccessReview") {
      const json everything = {{"verbs", {"*"}}, {"apiGroups", {"*"}}, {"resources", {"*"}}};
      item["status"] = rules ? json{{"resourceRules", {everything}}, {"incomplete", false}} : json{{"allowed", true}};
      if (!half) child.text += item.dump() + "\n";
      continue;
    }
    const std::string key = key_of(item);
    const bool mine = std::find(child.made.begin(), child.made.end(), key) != child.made.end();
    if (!mine && in_namespace(key) && find("namespace/" + words.name_space) == nullptr) {
      child.fail("(NotFound): namespaces \"" + words.name_space + "\" not found");
    } else if (!mine && find(key) != nullptr) {
      child.fail("(AlreadyExists): " + key + " already exists");
    } else {
      if (!mine && item["kind"] == "Pod") item["status"] = {{"phase", "Running"}};
      if (!mine) put(key, item);
      child.made.push_back(key);
      if (!half && words.has("-o")) child.text += find(key)->dump() + "\n";
    }
    if (half) return;
  }
}

void FakeCluster::try_to_create(Child& child, bool half) {
  if (half) return;
  child.errors = pod_answer;
  child.exit_code = pod_answer.starts_with("Error") ? 1 : 0;
}

void FakeCluster::replace(Child& child, const Words& words) {
  const json manifest = json::parse(child.command.input);
  const std::string key = key_of(manifest);
  const json* const present = find(key);
  const std::string version = manifest["metadata"].value("resourceVersion", "");
  if (words.verb() == "replace" && present == nullptr) return child.fail("(NotFound): " + key + " not found");
  if (!version.empty() && (*present)["metadata"]["resourceVersion"] != version)
    return child.fail("(Conflict): the object has been modified");
  put(key, manifest);
  child.text = find(key)->dump() + "\n";
}

/// A merge patch.
void FakeCluster::patch(Child& child, const Words& words) {
  const json* const present = find(words.list.at(1));
  if (present == nullptr) return child.fail("(NotFound): " + words.list.at(1) + " not found");
  json patched = *present;
  patched.merge_patch(json::parse(child.command.input));
  put(words.list.at(1), patched);
  if (words.list.at(1) != set_key) return;
  const bool runs = patched["spec"].value("replicas", 1) > 0;
  for (int node = 0; node < nodes_of_set(patched); ++node) {
    if (!runs) m_state["objects"].erase(pod_key_of(node));
    if (runs && !find(pod_key_of(node))) make_pod(node);
  }
}

/// On this machine, for a pod that runs; /data is a folder here.
void FakeCluster::exec(Child& child, const Words& words) {
  if (child.done) return;
  child.done = true;
  const json* const pod = find("pod/" + words.list.at(1));
  if (pod == nullptr || (*pod)["status"]["phase"] != "Running")
    return child.fail("(NotFound): pods \"" + words.list.at(1) + "\" not found");
  std::vector<std::string> argv(std::find(words.list.begin(), words.list.end(), "--") + 1, words.list.end());
  for (std::string& word : argv) {
    if (word == "/data" || word.starts_with("/data/")) word.replace(0, 5, data().string());
  }
  if (argv.front() == "redis-check-rdb") {
    child.text = "[offset 0] Checking RDB file\n";
    return;
  }
  const std::filesystem::path in = m_file.string() + ".in", out = m_file.string() + ".out";
  std::ofstream(in, std::ios::binary) << child.command.input;
  const std::string line =
      fmt::format("{} < {} > {} 2>&1", shell_join(argv), shell_quote(in.string()), shell_quote(out.string()));
  const int status = std::system(line.c_str());
  child.text = read_file(out).value_or("");
  if (status != 0) child.fail("command terminated with exit code 1: " + child.text);
  std::filesystem::remove(in);
  std::filesystem::remove(out);
}

/// Of Helm's record of a revision.
void FakeCluster::label(Child& child, const Words& words) {
  const std::string& object = words.list.at(1);
  const std::string& pair = words.list.at(2);
  for (json& record : m_state["releases"]) {
    if (!object.ends_with(".v" + record["version"].get<std::string>())) continue;
    record[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    return;
  }
  child.fail("(NotFound): " + object + " not found");
}

void FakeCluster::remove(Child&, const Words& words) {
  if (delete_is_idle) return;
  for (const std::string& word : words.list) {
    if (word.find('/') != std::string::npos && find(word) != nullptr) forget(word);
  }
}

void FakeCluster::remove_raw(Child& child, const Words& words) {
  const std::string path = words.after("--raw");
  const std::vector<std::string> parts = split(path, '/');
  const std::string& kinds = parts.at(parts.size() - 2);
  const std::string key = kinds.substr(0, kinds.size() - 1) + "/" + parts.back();
  const json options = json::parse(child.command.input);
  const json* const object = find(key);
  if (object == nullptr) return child.fail("(NotFound): " + key + " not found");
  for (const char* field : {"uid", "resourceVersion"}) {
    if (!options["preconditions"].contains(field)) continue;
    if (options["preconditions"][field] != (*object)["metadata"][field]) return child.fail("(Conflict): precondition");
  }
  const bool slowly = key == pod_key && pod_grace > milliseconds(0) && options.value("gracePeriodSeconds", 30) > 0;
  slowly ? begin_end(key) : forget(key);
}

}  // namespace raibid
