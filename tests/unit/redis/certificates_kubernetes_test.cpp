#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/strings.hpp"
#include "components/redis/place/kubernetes/certificates.hpp"

namespace raibid::certificates_kubernetes_test {

using nlohmann::json;

namespace {

const RedisNames names("raibid-redis", "jobs");

RedisSettings settings_with(std::vector<std::string> services) {
  RedisSettings settings;
  settings.release = "raibid-redis";
  settings.name_space = "jobs";
  settings.services = std::move(services);
  return settings;
}

bool contains(const std::vector<std::string>& all, const std::string& name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

std::string certificate_for(std::vector<std::string> of) {
  const WallTime now = std::chrono::system_clock::now();
  const KeyPair ca = make_ca("test", now - std::chrono::hours(1), now + std::chrono::hours(24));
  CertificateRequest request;
  request.common_name = "test";
  request.names = std::move(of);
  request.server = true;
  request.from = now - std::chrono::hours(1);
  request.until = now + std::chrono::hours(24);
  return issue_certificate(ca, request, "the test").certificate;
}

}  // namespace

TEST_CASE("a certificate on a cluster names every Service in every form, the pods, and this machine") {
  const std::vector<std::string> all = certificate_names(settings_with({"redis", "elsewhere/cache"}), names);
  for (const char* name : {"raibid-redis-master", "raibid-redis-master.jobs", "raibid-redis-master.jobs.svc",
                           "raibid-redis-master.jobs.svc.cluster.local", "raibid-redis-headless.jobs.svc",
                           "*.raibid-redis-headless.jobs.svc.cluster.local", "redis", "redis.jobs.svc",
                           "cache.elsewhere", "cache.elsewhere.svc.cluster.local", "localhost", "127.0.0.1"}) {
    INFO(name);
    CHECK(contains(all, name));
  }
  CHECK_FALSE(contains(all, "redis.elsewhere"));
}

TEST_CASE("another cluster domain is in the names of the certificate and of Redis") {
  RedisSettings settings = settings_with({});
  settings.cluster_domain = "k8s.example";
  const RedisNames there("raibid-redis", "jobs", settings.cluster_domain);
  CHECK(there.host == "raibid-redis-master.jobs.svc.k8s.example");
  const std::vector<std::string> all = certificate_names(settings, there);
  CHECK(contains(all, there.host));
  CHECK_FALSE(contains(all, "raibid-redis-master.jobs.svc.cluster.local"));
  CHECK(certificate_spec(settings, there, Scope()).names.front() == there.host);
}

TEST_CASE("the name that is verified is one that the certificate has") {
  CHECK(verified_name(certificate_for({names.host}), names) == names.host);
  CHECK(verified_name(certificate_for({"raibid-redis-master.jobs.svc"}), names) == "raibid-redis-master.jobs.svc");
  CHECK(verified_name(certificate_for({"*.jobs.svc"}), names) == "raibid-redis-master.jobs.svc");
  CHECK(verified_name(certificate_for({"raibid-redis-master"}), names) == "raibid-redis-master");
  CHECK(verified_name(certificate_for({"redis.example"}), names) == names.host);
  CHECK(verified_name("no certificate", names) == names.host);
}

TEST_CASE("both Secrets of a release are one content, and what is not raibid-cli's is not taken for ours") {
  const auto secret = [](const char* name, bool ours, const json& data) {
    json object = {{"kind", "Secret"}, {"metadata", {{"name", name}, {"labels", json::object()}}}, {"data", data}};
    if (ours) object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "raibid-cli";
    return object;
  };
  const auto encoded = [](const char* text) { return base64_encode(text); };
  TlsObjects objects;
  objects.given_name = "mine";
  objects.take(secret("raibid-redis-tls", true,
                      {{"tls.crt", encoded("c")}, {"tls.key", encoded("k")}, {"ca.crt", encoded("ca")}}),
               names);
  objects.take(secret("raibid-redis-ca", true, {{"tls.crt", encoded("ca")}, {"tls.key", encoded("ck")}}), names);
  objects.take(secret("mine", false, {{"tls.crt", encoded("m")}}), names);
  objects.take(secret("other", true, {{"tls.crt", encoded("o")}}), names);
  const SecretContent content = objects.content();
  CHECK(content == SecretContent{{"tls.crt", Secret("c")},
                                 {"tls.key", Secret("k")},
                                 {"ca.crt", Secret("ca")},
                                 {ca_certificate_key, Secret("ca")},
                                 {ca_private_key_key, Secret("ck")}});
  CHECK(objects.certificate->ours);
  CHECK_FALSE(objects.given->ours);
  TlsChoice choice;
  choice.from = TlsChoice::From::secret;
  choice.secret = "mine";
  CHECK(value_of(objects.mounted(choice)->content, "tls.crt") == Secret("m"));
}

TEST_CASE("a Secret of TLS that a controller keeps is not ours, whatever its labels say; cert-manager's own is") {
  const auto taken = [](const json& labels, const json& annotations, const json& owners) {
    json secret = {{"kind", "Secret"},
                   {"metadata",
                    {{"name", "raibid-redis-tls"},
                     {"labels", {{"app.kubernetes.io/managed-by", "raibid-cli"}}},
                     {"annotations", annotations},
                     {"ownerReferences", owners}}},
                   {"data", json::object()}};
    secret["metadata"]["labels"].update(labels);
    TlsObjects objects;
    objects.take(secret, names);
    return *objects.certificate;
  };
  const json nothing = json::object(), nobody = json::array();
  CHECK(taken(nothing, nothing, nobody).ours);
  const TlsObjects::Object merged = taken({{"reconcile.external-secrets.io/managed", "true"}}, nothing, nobody);
  CHECK_FALSE(merged.ours);
  CHECK(merged.whose() == "belongs to External Secrets");
  CHECK_FALSE(taken(nothing, {{"argocd.argoproj.io/tracking-id", "app"}}, nobody).ours);
  const json owners = json::array({json{{"kind", "Certificate"}, {"name", "raibid-redis-tls"}}});
  CHECK(taken(nothing, nothing, owners).whose() == "belongs to Certificate raibid-redis-tls");
  // with --enable-certificate-owner-ref cert-manager's Certificate owns the Secret that it issues into for us
  CHECK(taken(nothing, {{"cert-manager.io/certificate-name", "raibid-redis-tls"}}, owners).ours);
}

TEST_CASE("what cert-manager says of a Certificate") {
  const auto certificate = [](const json& conditions, int generation) {
    return json{{"kind", "Certificate"},
                {"metadata", {{"name", "raibid-redis-tls"}, {"generation", generation}}},
                {"spec", {{"secretName", "raibid-redis-tls"}}},
                {"status", {{"conditions", conditions}}}};
  };
  TlsObjects objects;
  objects.take(
      certificate({{{"type", "Ready"}, {"status", "True"}, {"observedGeneration", 1}, {"message", "up to date"}}}, 1),
      names);
  CHECK(objects.issued->ready);
  // a condition of the spec before
  objects.take(certificate({{{"type", "Ready"}, {"status", "True"}, {"observedGeneration", 1}}}, 2), names);
  CHECK_FALSE(objects.issued->ready);
  objects.take(
      certificate({{{"type", "Ready"}, {"status", "False"}, {"observedGeneration", 1}, {"message", "does not exist"}},
                   {{"type", "Issuing"},
                    {"status", "False"},
                    {"reason", "Failed"},
                    {"observedGeneration", 1},
                    {"message", "refused: name"}}},
                  1),
      names);
  CHECK(objects.issued->failed);
  CHECK(objects.issued->says == "refused: name");
}

}  // namespace raibid::certificates_kubernetes_test
