#include "components/redis/place/external/service_way.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/verdict.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ExitCode::preflight, message, hint);
}

/// The port that is Redis' own: the only one, else 6379, else by the names that charts give it.
const json* redis_port_of(const json& service) {
  const json& ports = items_at(service, {"spec", "ports"});
  if (ports.size() == 1) return &ports.front();
  for (const json& port : ports) {
    if (number_at(port, {"port"}) == redis_port) return &port;
  }
  static const std::array<std::string, 4> names = {"redis", "tcp-redis", "valkey", "tcp"};
  for (const json& port : ports) {
    if (std::find(names.begin(), names.end(), text_at(port, {"name"})) != names.end()) return &port;
  }
  return nullptr;
}

/// A target port is a number, or the name of a container's.
int port_in_pod(const json& port, const json& pod) {
  const json& target = at(port, {"targetPort"});
  if (target.is_number_integer()) return target.get<int>();
  const std::string name = target.is_string() ? target.get<std::string>() : "";
  for (const json& container : items_at(pod, {"spec", "containers"})) {
    for (const json& one : items_at(container, {"ports"})) {
      if (!name.empty() && text_at(one, {"name"}) == name) return static_cast<int>(number_at(one, {"containerPort"}));
    }
  }
  return static_cast<int>(number_at(port, {"port"}));
}

bool says_master(const json& pod) {
  for (const char* const label : {"role", "redis-role", "app.kubernetes.io/component"}) {
    const std::string value = text_at(pod, {"metadata", "labels", label});
    if (value == "master" || value == "primary") return true;
  }
  return false;
}

SecretContent values_of(const json& secret) {
  SecretContent content;
  const json& data = at(secret, {"data"});
  if (!data.is_object()) return content;
  for (const auto& [key, value] : data.items()) {
    if (value.is_string()) content.emplace(key, base64_decode(value.get_ref<const std::string&>()));
  }
  return content;
}

/// "redis-master, cache": the Services of that namespace with a port 6379.
std::string others_in(Context& context, const Kubectl& kubectl) {
  const Command question = kubectl.list("services", "");
  std::vector<std::string> names;
  for (const json& service : Kubectl::parse_items(question, kubectl.ask(question, question_deadline(context)))) {
    const json& ports = items_at(service, {"spec", "ports"});
    const bool is_redis =
        std::any_of(ports.begin(), ports.end(), [](const json& one) { return number_at(one, {"port"}) == redis_port; });
    if (is_redis) names.push_back(text_at(service, {"metadata", "name"}));
  }
  return join(names, ", ");
}

}  // namespace

std::string selector_of(const json& service) {
  std::vector<std::string> parts;
  const json& selector = at(service, {"spec", "selector"});
  if (!selector.is_object()) return "";
  for (const auto& [name, value] : selector.items()) {
    if (value.is_string()) parts.push_back(name + "=" + value.get<std::string>());
  }
  return join(parts, ",");
}

FoundService read_service(const json& service, const json& pods, const AdoptedService& name) {
  const std::string what = "Service " + name.text();
  const json* const port = redis_port_of(service);
  if (port == nullptr)
    refuse(what + " has several ports, and none of them is called redis or is 6379",
           "use the Service of Redis itself, or its address with --url");
  const json* chosen = nullptr;
  for (const json& pod : pods) {
    const bool serves = is_ready(pod) && at(pod, {"metadata", "deletionTimestamp"}).is_null();
    if (serves && (chosen == nullptr || (says_master(pod) && !says_master(*chosen)))) chosen = &pod;
  }
  if (chosen == nullptr)
    throw Error(ExitCode::failure, fmt::format("{} leads to no pod that is ready", what),
                "its Redis has to run before it can be used");
  return {static_cast<int>(number_at(*port, {"port"})), text_at(*chosen, {"metadata", "name"}),
          port_in_pod(*port, *chosen), password_sources(*chosen, name.user), tls_source(*chosen)};
}

ServiceWay::ServiceWay(Context& context, const ClusterService& service)
    : m_context(context),
      m_service(service),
      m_session(choose_cluster(context, service.name.name_space, NeedsHelm::no, service.kube_context)) {
  look();
}

void ServiceWay::look() {
  const Kubectl& kubectl = m_session.kubectl;
  const Command question = kubectl.get({"service/" + m_service.name.name});
  const json services = Kubectl::parse_items(question, kubectl.ask(question, question_deadline(m_context)));
  if (services.empty()) {
    const std::string others = others_in(m_context, kubectl);
    refuse(fmt::format("there is no Service {} in namespace {} of {}", m_service.name.name, m_service.name.name_space,
                       kubectl.cluster().context),
           others.empty() ? "see what there is: " + kubectl.for_people({"get", "services", "--all-namespaces"})
                          : "Services with a port 6379 there: " + others);
  }
  const std::string selector = selector_of(services.front());
  if (selector.empty())
    refuse(fmt::format("Service {} names no pods", m_service.name.text()),
           "use the address that it leads to with --url");
  const Command pods = kubectl.list("pods", selector);
  m_found = read_service(services.front(), Kubectl::parse_items(pods, kubectl.ask(pods, question_deadline(m_context))),
                         m_service.name);
  m_tunnel = std::make_unique<PortForward>(m_context.runner, kubectl, m_found.pod, m_found.pod_port, m_local_port);
}

std::optional<Secret> ServiceWay::password() {
  const Kubectl& kubectl = m_session.kubectl;
  std::vector<PasswordSource> sources = m_found.sources;
  if (m_service.secret) sources = {{m_service.secret->name, m_service.secret->key}};
  if (sources.empty()) return std::nullopt;
  std::vector<std::string> names;
  for (const PasswordSource& source : sources) {
    const std::string name = "secret/" + source.secret;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  const Command question = kubectl.get(names);
  std::map<std::string, SecretContent> secrets;
  for (const json& secret : Kubectl::parse_items(question, kubectl.ask(question, question_deadline(m_context))))
    secrets[text_at(secret, {"metadata", "name"})] = values_of(secret);
  for (const PasswordSource& source : sources) {
    const auto content = secrets.find(source.secret);
    if (content == secrets.end()) continue;
    auto password = password_at(content->second, source);
    if (!password) continue;
    m_password_source = source.text();
    return password;
  }
  if (m_service.secret)
    refuse(fmt::format("--existing-secret: Secret {} in namespace {} {}", m_service.secret->name,
                       m_service.name.name_space,
                       secrets.empty() ? "is not there" : "has no password in key " + m_service.secret->key),
           "see what is there: " + kubectl.for_people({"get", "secrets"}));
  return std::nullopt;
}

std::optional<TlsClient> ServiceWay::tls(bool needs_ca) {
  if (!m_found.tls) return std::nullopt;
  const Kubectl& kubectl = m_session.kubectl;
  const std::array files = {m_found.tls->ca, m_found.tls->certificate, m_found.tls->key};
  std::vector<std::string> names;
  for (const SecretFile& file : files) {
    const std::string name = "secret/" + file.secret;
    if (!file.secret.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::map<std::string, SecretContent> secrets;
  if (!names.empty()) {
    const Command question = kubectl.get(names);
    for (const json& secret : Kubectl::parse_items(question, kubectl.ask(question, question_deadline(m_context))))
      secrets[text_at(secret, {"metadata", "name"})] = values_of(secret);
  }
  TlsClient client;
  client.ca = value_of(secrets[files[0].secret], files[0].key).reveal();
  client.certificate = value_of(secrets[files[1].secret], files[1].key).reveal();
  client.key = value_of(secrets[files[2].secret], files[2].key);
  if (client.certificate.empty() || client.key.empty()) {
    client.certificate.clear();
    client.key = Secret();
  }
  if (client.ca.empty() && needs_ca)
    refuse(fmt::format("Service {} speaks TLS, and {}", m_service.name.text(),
                       files[0].secret.empty()
                           ? "its pods name no Secret with the CA"
                           : fmt::format("Secret {} has no CA in key {}", files[0].secret, files[0].key)),
           "name the CA's certificate by --tls-ca FILE");
  return client;
}

int ServiceWay::local_port(TimePoint deadline) {
  if (m_tunnel->process() != nullptr && m_tunnel->finished()) look();  // the pod was replaced, perhaps by another
  m_local_port = m_tunnel->wait_ready(deadline);
  return m_local_port;
}

void ServiceWay::prepare(int local_port) {
  if (local_port == 0 || local_port == m_local_port) return;
  m_local_port = local_port;
  m_tunnel =
      std::make_unique<PortForward>(m_context.runner, m_session.kubectl, m_found.pod, m_found.pod_port, local_port);
}

}  // namespace raibid
