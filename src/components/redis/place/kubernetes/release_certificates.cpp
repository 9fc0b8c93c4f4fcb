#include "components/redis/place/kubernetes/release_certificates.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "tools/failures.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* restore_trust_action = "kubernetes.restore_trust";
constexpr const char* restore_issued_action = "kubernetes.restore_issued";
/// On the pod: what makes its kubelet look at the mounted Secrets at once.
constexpr const char* hint_annotation = "raibid-cli/certificate";
constexpr Duration look_again_at_certificate = std::chrono::milliseconds(300);
/// A kubelet that is not woken looks each minute, and its cache is a minute old at most.
constexpr Duration kubelet_patience = std::chrono::seconds(150);

/// The keys of Secret F-tls and, with the names that they have there, of Secret F-ca.
constexpr std::array mounted_keys = {tls_certificate_key, tls_private_key_key, tls_trusted_key,
                                     previous_certificates_key};
constexpr std::array authority_keys = {std::pair(ca_certificate_key, tls_certificate_key),
                                       std::pair(ca_private_key_key, tls_private_key_key)};

SecretContent of_certificate(const SecretContent& content) {
  SecretContent part;
  for (const char* key : mounted_keys) {
    if (content.contains(key)) part.emplace(key, content.at(key));
  }
  return part;
}

SecretContent of_authority(const SecretContent& content) {
  SecretContent part;
  for (const auto& [key, name] : authority_keys) {
    if (content.contains(key)) part.emplace(name, content.at(key));
  }
  return part;
}

SecretContent of_trust(const SecretContent& content) {
  if (!content.contains(tls_trusted_key)) return {};
  return {{tls_trusted_key, content.at(tls_trusted_key)}};
}

bool is_secret(const char* kind) { return std::string_view(kind) == "Secret"; }

ordered_json data_of(const char* kind, const SecretContent& content) {
  ordered_json data = ordered_json::object();
  for (const auto& [key, value] : content) {
    data[key] = value.empty()     ? ordered_json()
                : is_secret(kind) ? ordered_json(base64_encode(value.reveal()))
                                  : ordered_json(value.reveal());
  }
  return data;
}

std::string issued_object(const RedisNames& names) { return "certificate.cert-manager.io/" + names.certificate; }

}  // namespace

ReleaseCertificates::ReleaseCertificates(Context& context, const Kubectl& kubectl, const RedisNames& names,
                                         std::string release, std::string run, std::function<TimePoint()> deadline)
    : m_context(context),
      m_kubectl(kubectl),
      m_names(names),
      m_release(std::move(release)),
      m_run(std::move(run)),
      m_deadline(std::move(deadline)) {}

SecretContent ReleaseCertificates::read() {
  const Command question =
      m_kubectl.get({"secret/" + m_names.certificate, "secret/" + m_names.authority, "configmap/" + m_names.authority});
  TlsObjects found;
  for (const json& item : Kubectl::parse_items(question, m_kubectl.ask(question, m_deadline())))
    found.take(item, m_names);
  return found.content();
}

ordered_json ReleaseCertificates::manifest(const char* kind, const std::string& name, const SecretContent& data) const {
  ordered_json metadata = {{"name", name},
                           {"namespace", m_kubectl.name_space()},
                           {"labels", {{managed_by_label, managed_by_us}, {"app.kubernetes.io/instance", m_release}}}};
  if (!m_run.empty()) metadata["annotations"] = {{run_label, m_run}};
  ordered_json object = {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", metadata}};
  if (is_secret(kind)) object["type"] = "kubernetes.io/tls";
  object["data"] = data_of(kind, data);
  return object;
}

Command ReleaseCertificates::make(const ordered_json& manifest) const { return m_kubectl.create(manifest); }

void ReleaseCertificates::create(const SecretContent& content, const TlsObjects& present) const {
  std::vector<Command> commands;
  const auto add = [&](const char* kind, const std::string& name, const SecretContent& data, bool is_there) {
    if (!is_there && !data.empty()) commands.push_back(make(manifest(kind, name, data)));
  };
  add("Secret", m_names.authority, of_authority(content), present.authority.has_value());
  // of a certificate that someone else keeps only the CA is written down
  if (content.contains(tls_private_key_key))
    add("Secret", m_names.certificate, of_certificate(content), present.certificate.has_value());
  add("ConfigMap", m_names.authority, of_trust(content), present.trust.has_value());
  if (commands.empty()) return;
  const std::vector<Output> outputs = m_kubectl.run(commands, m_deadline());
  for (std::size_t at = 0; at < commands.size(); ++at) {
    if (!outputs[at].ok()) throw Kubectl::explain(commands[at], outputs[at]);
  }
}

void ReleaseCertificates::change(const char* kind, const std::string& name, const SecretContent& data) const {
  if (data.empty()) return;
  const bool anything = std::any_of(data.begin(), data.end(), [](const auto& entry) { return !entry.second.empty(); });
  // a Secret of this type has certificate and key, or is not there
  if (!anything && data.contains(tls_certificate_key) && data.contains(tls_private_key_key)) return remove(name);
  const Command command = m_kubectl.merge(to_lower(kind) + "/" + name, {{"data", data_of(kind, data)}});
  const Output output = m_kubectl.run(command, m_deadline());
  if (output.ok()) return;
  if (!failed_with(output, "NotFound")) throw Kubectl::explain(command, output);
  if (anything) m_kubectl.run_checked(make(manifest(kind, name, data)), m_deadline());
}

/// Only one that is ours.
void ReleaseCertificates::remove(const std::string& secret) const {
  const Command question = m_kubectl.get({"secret/" + secret});
  for (const json& item : Kubectl::parse_items(question, m_kubectl.ask(question, m_deadline()))) {
    if (text_at(item, {"metadata", "labels", managed_by_label}) != managed_by_us)
      throw Kept(fmt::format("Secret {} is kept: it was not made by raibid-cli", secret));
    m_kubectl.run_checked(m_kubectl.begin_removal("secret/" + secret), m_deadline());
  }
}

void ReleaseCertificates::write(const SecretContent& changes) {
  change("Secret", m_names.authority, of_authority(changes));
  change("Secret", m_names.certificate, of_certificate(changes));
  change("ConfigMap", m_names.authority, of_trust(changes));
}

void ReleaseCertificates::write_trust(const std::string& certificates) const {
  change("ConfigMap", m_names.authority, {{tls_trusted_key, Secret(certificates)}});
}

void ReleaseCertificates::serve(const std::string& pod, RedisConnection* redis, const SecretContent& content,
                                const std::function<std::unique_ptr<RedisConnection>()>& connect) const {
  const std::string wanted =
      read_certificate(value_of(content, tls_certificate_key).reveal(), "the certificate").fingerprint;
  // a login that may not change pods waits for the kubelet's own round
  const json hint = {{"metadata", {{"annotations", {{hint_annotation, wanted.substr(0, 16)}}}}}};
  m_kubectl.run(m_kubectl.merge("pod/" + pod, hint), m_deadline());
  const TimePoint until =
      std::min(m_deadline(), m_context.runner.now() + m_kubectl.cluster().pace->patience(kubelet_patience));
  std::string why;
  RedisConnection* usable = redis;
  std::unique_ptr<RedisConnection> newest;
  for (;;) {
    try {
      if (usable == nullptr) usable = (newest = connect()).get();
      // a pair of which one file is new already is refused, and the old one keeps serving
      reload_certificates(*std::exchange(usable, nullptr));
      usable = (newest = connect()).get();
      const std::string shown = newest->peer_certificate();
      if (read_der_certificate(shown, "the certificate that Redis shows").fingerprint == wanted) return;
      why = "Redis still serves another one";
    } catch (const Error& error) {
      why = error.message();
    }
    if (m_context.runner.now() >= until) break;
    m_context.runner.wait({}, std::min(until, m_context.runner.now() + look_again_at_certificate));
  }
  throw Error(
      ExitCode::failure, fmt::format("the new certificate is not served: {}", why),
      "see what the pod has: " + m_kubectl.for_people({"exec", pod, "-c", "redis", "--", "cat", "/etc/tls/tls.crt"}));
}

void ReleaseCertificates::restore_issued(const std::string& spec, const std::string& run) const {
  const Command question = m_kubectl.get({issued_object(m_names)});
  const json found = Kubectl::parse_items(question, m_kubectl.ask(question, m_deadline()));
  if (found.empty() && spec.empty()) return;
  if (found.empty()) {
    const ordered_json labels = {{managed_by_label, managed_by_us}, {"app.kubernetes.io/instance", m_release}};
    const ordered_json manifest = {
        {"apiVersion", "cert-manager.io/v1"},
        {"kind", "Certificate"},
        {"metadata", {{"name", m_names.certificate}, {"namespace", m_kubectl.name_space()}, {"labels", labels}}},
        {"spec", try_parse_json(spec)}};
    m_kubectl.run_checked(m_kubectl.create(manifest), m_deadline());
    return;
  }
  if (!spec.empty()) {
    m_kubectl.run_checked(m_kubectl.merge(issued_object(m_names), {{"spec", try_parse_json(spec)}}), m_deadline());
    return;
  }
  if (text_at(found.front(), {"metadata", "annotations", run_label}) != run)
    throw Kept(fmt::format("Certificate {} is kept: the interrupted run did not make it", m_names.certificate));
  m_kubectl.run_checked(m_kubectl.begin_removal(issued_object(m_names)), m_deadline());
}

Undo undo_trust(const std::string& certificates, const std::string& by_hand) {
  return {restore_trust_action, {{"certificates", certificates}}, by_hand};
}

Undo undo_issued_certificate(const Kubectl& kubectl, const RedisNames& names, const std::string& spec,
                             const std::string& by_hand) {
  return {restore_issued_action,
          {{"spec", spec}},
          spec.empty() ? kubectl.for_people({"delete", issued_object(names)}) : by_hand};
}

void add_release_certificates_undos(UndoTable& table, const ReleaseCertificates& store) {
  table[restore_issued_action] = [&store](const auto& arguments) {
    store.restore_issued(arguments.at("spec"), arguments.at(run_argument));
  };
  table[restore_trust_action] = [&store](const auto& arguments) { store.write_trust(arguments.at("certificates")); };
}

}  // namespace raibid
