// Manifests for secret stores: what is in them, and that no password is. tests/cluster/stores.sh has the engines read
// them.
#include "components/redis/commands/export/stores.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/rotation.hpp"
#include "support/thrown.hpp"

namespace raibid::store_export_test {

namespace {

using namespace raibid::test;

const Handover handover{"jobs-redis", "jobs", {}};
const StoreAddress vault{"vault", "ClusterSecretStore", "redis/raibid", "password"};

SecretContent plain() { return secret_content(Secret("a-password"), Secret("of-the-exporter")); }

}  // namespace

TEST_CASE("store exports: a password becomes the action of its form, and braces stay braces") {
  const std::string marker = template_marker().reveal();
  CHECK(as_go_template("x=" + marker) == "x={{ .password }}");
  CHECK(as_go_template("redis://:raibid%2F%22password@h") ==
        R"(redis://:{{ .password | urlquery | replace "+" "%20" }}@h)");
  CHECK(as_go_template("password: \"raibid/\\\"password\"") ==
        R"(password: "{{ .password | replace "\\" "\\\\" | replace "\"" "\\\"" }}")");
  CHECK(as_go_template("a {{b}} c") == R"(a {{ "{{" }}b}} c)");
  CHECK(as_go_template("plain") == "plain");
}

TEST_CASE("store exports: users.acl with one user's hash as a template, and the others as they are") {
  const StoreTemplates templates = release_templates(plain(), Scope());
  CHECK(templates.at("redis-password") == "{{ .password }}");
  const std::string acl = templates.at("users.acl");
  CHECK(has(acl, "user default on #{{ .password | sha256sum }} ~* &* +@all\n"));
  std::string rendered = acl;
  const std::string action = "{{ .password | sha256sum }}";
  rendered.replace(rendered.find(action), action.size(), password_hashes(plain()).front());
  CHECK(rendered == value_of(plain(), acl_key).reveal());
  CHECK(release_templates({{password_key, Secret("x")}}, Scope()).size() == 1);  // a chart without users.acl
}

TEST_CASE("store exports: an application's user is the one whose hash is made; two passwords wait") {
  const UserSpec worker{"worker", {"job:{{x}}"}, {"news"}, {"get"}};
  const SecretContent content =
      secret_content(Secret("a-password"), Secret("of-the-exporter"), {}, {worker, Secret("of-the-admin")});
  const std::string acl = release_templates(content, Scope()).at("users.acl");
  CHECK(has(acl, "user worker on #{{ .password | sha256sum }} resetchannels"));
  CHECK(has(acl, R"(~job:{{ "{{" }}x}})"));
  CHECK_FALSE(has(acl, "user admin on #{{"));
  const Error two = error_of([&] { release_templates(with_second_password(plain(), Secret("b"), {}), Scope()); });
  CHECK(two.code() == ExitCode::preflight);
  CHECK(has(two.hint(), "credentials rotate --finish"));
}

TEST_CASE("store exports: an ExternalSecret merges, or owns its Secret") {
  const auto merged =
      external_secret_manifest("external-secrets.io/v1", handover, "raibid", vault, {{"redis-password", "x"}}, true);
  CHECK(merged["spec"]["target"]["creationPolicy"] == "Merge");
  CHECK(merged["spec"]["target"]["deletionPolicy"] == "Retain");
  CHECK(merged["spec"]["target"]["name"] == "jobs-redis");
  CHECK(merged["spec"]["secretStoreRef"]["kind"] == "ClusterSecretStore");
  CHECK(merged["spec"]["data"][0]["remoteRef"]["property"] == "password");
  StoreAddress value = vault;
  value.property.clear();
  const auto owned = external_secret_manifest("external-secrets.io/v1", handover, "raibid", value, {}, false);
  CHECK(owned["spec"]["target"]["creationPolicy"] == "Owner");
  CHECK_FALSE(owned["spec"]["data"][0]["remoteRef"].contains("property"));
}

TEST_CASE("store exports: a PushSecret writes the password and leaves it in the store") {
  const auto push = push_secret_manifest("external-secrets.io/v1alpha1", handover, "raibid", vault);
  CHECK(push["spec"]["selector"]["secret"]["name"] == "jobs-redis");
  CHECK(push["spec"]["data"][0]["match"]["secretKey"] == "redis-password");
  CHECK(push["spec"]["data"][0]["match"]["remoteRef"]["remoteKey"] == "redis/raibid");
  CHECK(push["spec"]["deletionPolicy"] == "None");
}

TEST_CASE("store exports: each provider of the CSI driver has parameters of its own") {
  const auto made = [](CsiProvider provider, const StoreAddress& address,
                       const std::vector<std::pair<std::string, std::string>>& parameters) {
    return secret_provider_class_manifest("secrets-store.csi.x-k8s.io/v1", handover, "raibid", provider, address,
                                          parameters, "REDIS_PASSWORD");
  };
  StoreAddress value = vault;
  value.property.clear();
  const auto of_vault = made(CsiProvider::vault, vault, {{"roleName", "queue"}});
  CHECK(of_vault["spec"]["provider"] == "vault");
  CHECK(has(of_vault["spec"]["parameters"]["objects"], "secretKey: \"password\""));
  CHECK(of_vault["spec"]["parameters"]["roleName"] == "queue");
  CHECK(of_vault["spec"]["secretObjects"][0]["data"][0]["key"] == "REDIS_PASSWORD");
  CHECK(has(made(CsiProvider::aws, vault, {})["spec"]["parameters"]["objects"], "jmesPath"));
  CHECK(has(made(CsiProvider::aws, value, {})["spec"]["parameters"]["objects"], "objectAlias: redis-password"));
  CHECK(
      has(made(CsiProvider::azure, value, {{"keyvaultName", "k"}, {"tenantId", "t"}})["spec"]["parameters"]["objects"],
          "objectType: secret"));
  CHECK(has(made(CsiProvider::gcp, value, {})["spec"]["parameters"]["secrets"], "resourceName: \"redis/raibid\""));
  for (const auto& missing : {error_of([&] { made(CsiProvider::vault, vault, {}); }), error_of([&] {
                                made(CsiProvider::vault, value, {{"roleName", "q"}});
                              }),
                              error_of([&] {
                                made(CsiProvider::azure, value, {{"tenantId", "t"}});
                              }),
                              error_of([&] { made(CsiProvider::gcp, vault, {}); })})
    CHECK(missing.code() == ExitCode::usage);
}

}  // namespace raibid::store_export_test
