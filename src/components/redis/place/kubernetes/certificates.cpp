#include "components/redis/place/kubernetes/certificates.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/settings/values.hpp"

namespace raibid {

namespace {

using nlohmann::json;

SecretContent config_content(const json& object) {
  SecretContent content;
  if (!object.contains("data") || !object["data"].is_object()) return content;
  for (const auto& [key, value] : object["data"].items()) {
    if (value.is_string()) content.emplace(key, Secret(value.get<std::string>()));
  }
  return content;
}

void add_forms(std::vector<std::string>& names, const std::string& service, const std::string& name_space,
               const std::string& domain) {
  names.push_back(service);
  names.push_back(fmt::format("{}.{}", service, name_space));
  names.push_back(fmt::format("{}.{}.svc", service, name_space));
  names.push_back(fmt::format("{}.{}.svc.{}", service, name_space, domain));
}

TlsObjects::Issued read_issued(const json& object) {
  TlsObjects::Issued issued;
  issued.ours = text_at(object, {"metadata", "labels", managed_by_label}) == managed_by_us;
  issued.version = text_at(object, {"metadata", "resourceVersion"});
  issued.spec = json_text(object.value("spec", json::object()));
  const auto generation = number_at(object, {"metadata", "generation"});
  for (const json& condition : items_at(object, {"status", "conditions"})) {
    const std::string type = text_at(condition, {"type"});
    const std::string message = text_at(condition, {"message"});
    const bool holds = text_at(condition, {"status"}) == "True";
    // a condition of an earlier spec says nothing of this one
    const bool is_of_now = number_at(condition, {"observedGeneration"}) >= generation;
    if (type == "Ready" && holds && is_of_now) issued.ready = true;
    if (type == "Issuing" && !holds && is_of_now && text_at(condition, {"reason"}) == "Failed") issued.failed = true;
    if ((type == "Issuing" || issued.says.empty()) && !message.empty()) issued.says = message;
  }
  return issued;
}

}  // namespace

bool TlsObjects::take(const json& object, const RedisNames& names) {
  const std::string kind = text_at(object, {"kind"});
  const std::string name = text_at(object, {"metadata", "name"});
  if (kind == "Certificate" && name == names.certificate) {
    issued = read_issued(object);
    return true;
  }
  Object found;
  found.ours = text_at(object, {"metadata", "labels", managed_by_label}) == managed_by_us;
  found.issued = !text_at(object, {"metadata", "annotations", "cert-manager.io/certificate-name"}).empty();
  found.version = text_at(object, {"metadata", "resourceVersion"});
  if (!found.issued) found.controller = controller_of(object);
  found.ours = found.ours && found.controller.empty();
  const bool is_secret = kind == "Secret";
  found.content = is_secret ? content_of(&object) : config_content(object);
  if (kind == "ConfigMap" && name == names.authority) {
    trust = std::move(found);
  } else if (is_secret && name == names.authority) {
    authority = std::move(found);
  } else if (is_secret && (name == names.certificate || (!given_name.empty() && name == given_name))) {
    if (name == given_name) given = found;
    if (name == names.certificate) certificate = std::move(found);
  } else {
    return false;
  }
  return true;
}

SecretContent TlsObjects::content() const {
  SecretContent all;
  if (certificate) all = certificate->content;
  if (!authority) return all;
  const auto take_one = [&](const char* name, const char* key) {
    if (authority->content.contains(name)) all[key] = authority->content.at(name);
  };
  take_one(tls_certificate_key, ca_certificate_key);
  take_one(tls_private_key_key, ca_private_key_key);
  return all;
}

std::vector<std::string> tls_object_names(const TlsChoice& tls, const RedisNames& names) {
  std::vector<std::string> objects = {"secret/" + names.certificate, "secret/" + names.authority,
                                      "configmap/" + names.authority};
  if (tls.from == TlsChoice::From::secret && tls.secret != names.certificate) objects.push_back("secret/" + tls.secret);
  return objects;
}

std::vector<std::string> certificate_names(const RedisSettings& settings, const RedisNames& names) {
  std::vector<std::string> all;
  const std::string& domain = settings.cluster_domain;
  add_forms(all, names.workload, settings.name_space, domain);
  add_forms(all, names.full + "-headless", settings.name_space, domain);
  add_forms(all, "*." + names.full + "-headless", settings.name_space, domain);
  if (settings.ha()) {  // that of all nodes, and of each
    add_forms(all, names.full, settings.name_space, domain);
    for (const std::string& pod : names.pods(settings.nodes())) add_forms(all, pod, settings.name_space, domain);
  }
  for (const std::string& service : settings.services) {
    const std::size_t slash = service.find('/');
    const bool elsewhere = slash != std::string::npos;
    add_forms(all, elsewhere ? service.substr(slash + 1) : service,
              elsewhere ? service.substr(0, slash) : settings.name_space, domain);
  }
  all.emplace_back("localhost");
  all.emplace_back("127.0.0.1");
  return all;
}

CertificateSpec certificate_spec(const RedisSettings& settings, const RedisNames& names, const Scope& scope) {
  std::vector<std::string> all = certificate_names(settings, names);
  // first the one that applications are handed
  std::stable_partition(all.begin(), all.end(), [&](const std::string& name) { return name == names.host; });
  return {names.full, std::move(all), "Secret " + mounted_secret(settings.tls, names), scope,
          "Secret " + names.authority};
}

std::string verified_name(const std::string& certificate, const RedisNames& names) {
  const std::string& full = names.host;
  const std::vector<std::string> parts = split(full, '.');
  std::vector<std::string> candidates = {full, fmt::format("{}.{}.svc", parts.at(0), parts.at(1)),
                                         fmt::format("{}.{}", parts.at(0), parts.at(1)), parts.at(0)};
  try {
    const CertificateFacts facts = read_certificate(certificate, "the certificate");
    for (const std::string& name : candidates) {
      if (covers_name(facts, name)) return name;
    }
  } catch (const Error&) {
    return full;  // the handshake says what is wrong with it
  }
  return full;
}

int pod_port(const TlsChoice& tls) { return tls.enabled() && tls.migrate ? tls_migration_port : redis_port; }

SecretContent with_earlier_trust(SecretContent mounted, const std::optional<TlsObjects::Object>& trust) {
  if (!trust) return mounted;
  const std::string now = value_of(mounted, tls_trusted_key).reveal();
  const std::string before = value_of(trust->content, tls_trusted_key).reveal();
  if (before != now) mounted[tls_trusted_key] = Secret(now + (now.empty() || now.ends_with('\n') ? "" : "\n") + before);
  return mounted;
}

TlsClient release_tls(const SecretContent& mounted, const TlsChoice& tls, const RedisNames& names) {
  return tls_client(mounted, tls, verified_name(value_of(mounted, tls_certificate_key).reveal(), names));
}

}  // namespace raibid
