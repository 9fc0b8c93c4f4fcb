// A Redis that someone else's chart runs in a cluster: found by its Service, the password by what its pods name. The
// manifests are written by hand after the charts' conventions (docs/external.md).
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "components/redis/place/external/external_target.hpp"
#include "components/redis/place/external/password_source.hpp"
#include "components/redis/place/external/service_way.hpp"
#include "components/redis/settings/adopted_service.hpp"
#include "components/scope.hpp"
#include "support/redis_settings.hpp"
#include "support/thrown.hpp"

namespace raibid::adopt_test {

namespace {

using namespace raibid::test;
using nlohmann::json;

/// One that is a list, however many there are: braces alone do not tell a list of one from the one.
json list(std::initializer_list<json> items) {
  json all = json::array();
  for (const json& item : items) all.push_back(item);
  return all;
}

json ready(const std::string& name, const json& spec, const json& labels = json::object()) {
  const json condition = {{"type", "Ready"}, {"status", "True"}};
  return {{"metadata", {{"name", name}, {"labels", labels}}},
          {"spec", spec},
          {"status", {{"phase", "Running"}, {"conditions", list({condition})}}}};
}

json variable(const std::string& name, const std::string& secret, const std::string& key) {
  return {{"name", name}, {"valueFrom", {{"secretKeyRef", {{"name", secret}, {"key", key}}}}}};
}

json mount(const std::string& name, const std::string& path) { return {{"name", name}, {"mountPath", path}}; }

json secret_volume(const std::string& name, const std::string& secret) {
  return {{"name", name}, {"secret", {{"secretName", secret}}}};
}

json container(const std::string& name, const json& env = json::array(), const json& mounts = json::array()) {
  return {{"name", name}, {"env", env}, {"volumeMounts", mounts}};
}

json pod_with(const json& server, const json& volumes = json::array(), const json& init = json::array()) {
  return ready("redis-0", {{"containers", list({server})}, {"volumes", volumes}, {"initContainers", init}});
}

json service(const json& ports) {
  return {{"metadata", {{"name", "redis-master"}}}, {"spec", {{"selector", {{"app", "redis"}}}, {"ports", ports}}}};
}

bool names(const std::vector<PasswordSource>& sources, const PasswordSource& source) {
  return std::find(sources.begin(), sources.end(), source) != sources.end();
}

const AdoptedService master{"shop", "redis-master"};

}  // namespace

TEST_CASE("adopt: Bitnami's chart has the password in a variable, or in a file that a variable names") {
  const json by_variable = pod_with(container("redis", list({variable("REDIS_PASSWORD", "redis", "redis-password")})));
  CHECK(password_sources(by_variable, "") == std::vector<PasswordSource>{{"redis", "redis-password"}});
  // usePasswordFiles
  json volume = secret_volume("redis-password", "redis-secret");
  volume["secret"]["items"] = list({{{"key", "my-key"}, {"path", "redis-password"}}});
  const json file = {{"name", "REDIS_PASSWORD_FILE"}, {"value", "/opt/bitnami/redis/secrets/redis-password"}};
  const json server = container("redis", list({file}), list({mount("redis-password", "/opt/bitnami/redis/secrets/")}));
  const auto renamed = password_sources(pod_with(server, list({volume})), "");
  REQUIRE_FALSE(renamed.empty());
  CHECK(renamed.front() == PasswordSource{"redis-secret", "my-key"});
  const auto whole = password_sources(pod_with(server, list({secret_volume("redis-password", "redis-secret")})), "");
  REQUIRE_FALSE(whole.empty());
  CHECK(whole.front() == PasswordSource{"redis-secret", "redis-password"});
}

TEST_CASE("adopt: CloudPirates' chart has it in variables of server and init container") {
  const json env = list({variable("REDIS_PASSWORD", "cache-redis", "redis-password"),
                         variable("REDISCLI_AUTH", "cache-redis", "redis-password")});
  const json pod = pod_with(container("redis", env), json::array(), list({container("redis-init", env)}));
  CHECK(password_sources(pod, "") == std::vector<PasswordSource>{{"cache-redis", "redis-password"}});
}

TEST_CASE("adopt: valkey-helm has each user's in a mounted Secret, by the user's name") {
  const json init = container("valkey-init", json::array(),
                              list({mount("valkey-auth-secret", "/valkey-auth-secret"), mount("scripts", "/scripts")}));
  const json pod =
      pod_with(container("valkey"), list({secret_volume("valkey-auth-secret", "valkey-auth")}), list({init}));
  CHECK(names(password_sources(pod, ""), {"valkey-auth", "default-password"}));
  CHECK(password_sources(pod, "worker") ==
        std::vector<PasswordSource>{{"valkey-auth", "worker-password"}, {"valkey-auth", "worker"}});
}

TEST_CASE("adopt: groundhog2k's chart has it behind requirepass in a Secret of settings") {
  const json init =
      container("redis-init", json::array(), list({mount("extraredisconfigs-volume", "/extraredisconfigs")}));
  const json pod = pod_with(container("redis-server"),
                            list({secret_volume("extraredisconfigs-volume", "redis-settings")}), list({init}));
  const PasswordSource settings{"redis-settings", "", true};
  REQUIRE(names(password_sources(pod, ""), settings));
  const SecretContent content = {{"auth.conf", Secret("maxmemory 1gb\n  requirepass \"a-password\"\n")}};
  CHECK(password_at(content, settings) == Secret("a-password"));
  CHECK(password_at({{"auth.conf", Secret("requirepass one\nrequirepass two")}}, settings) == Secret("two"));
  CHECK_FALSE(password_at({{"auth.conf", Secret("# requirepass none\nmaxmemory 1gb")}}, settings));
  // as Redis reads its file
  CHECK(password_at({{"auth.conf", Secret(R"(requirepass "a\"b\\c\x41")")}}, settings) == Secret(R"(a"b\cA)"));
  CHECK(password_at({{"auth.conf", Secret(R"(requirepass 'a\'b\n')")}}, settings) == Secret(R"(a'b\n)"));
  CHECK(password_at({{"auth.conf", Secret(R"(requirepass a"b)")}}, settings) == Secret(R"(a"b)"));
  CHECK(password_at({{"redis-password", Secret("x")}}, {"redis", "redis-password"}) == Secret("x"));
  CHECK_FALSE(password_at({{"redis-password", Secret("")}}, {"redis", "redis-password"}));
  CHECK_FALSE(password_at({{"other", Secret("x")}}, {"redis", "redis-password"}));
}

TEST_CASE("adopt: a line break at the end of a password is the file's that the Secret was made of") {
  const PasswordSource source{"redis", "redis-password"};
  CHECK(password_at({{"redis-password", Secret("a-password\n")}}, source) == Secret("a-password"));
  CHECK(password_at({{"redis-password", Secret("a-password\r\n")}}, source) == Secret("a-password"));
  CHECK(password_at({{"redis-password", Secret("a\npassword ")}}, source) == Secret("a\npassword "));
  CHECK_FALSE(password_at({{"redis-password", Secret("\n")}}, source));
}

TEST_CASE("adopt: a pod without authentication names nothing, and what is not Redis' password is left alone") {
  CHECK(password_sources(pod_with(container("redis")), "").empty());
  CHECK(password_sources(json(), "").empty());
  CHECK(password_sources(pod_with(container("redis", list({variable("POSTGRES_PASSWORD", "db", "password")}))), "")
            .empty());
  CHECK(password_sources(pod_with({{"name", "redis"}, {"env", "odd"}, {"volumeMounts", 3}}), "").empty());
}

TEST_CASE("adopt: a chart's TLS is found by its variables or its arguments, with the Secret of the CA") {
  const auto set = [](const char* name, const char* value) { return json{{"name", name}, {"value", value}}; };
  const json mounts = list({mount("redis-certificates", "/opt/bitnami/redis/certs")});
  const json volumes = list({secret_volume("redis-certificates", "redis-crt")});
  const auto bitnami = [&](const char* asks, const char* enabled = "yes") {
    return pod_with(container("redis",
                              list({set("REDIS_TLS_ENABLED", enabled), set("REDIS_TLS_AUTH_CLIENTS", asks),
                                    set("REDIS_TLS_CERT_FILE", "/opt/bitnami/redis/certs/tls.crt"),
                                    set("REDIS_TLS_KEY_FILE", "/opt/bitnami/redis/certs/tls.key"),
                                    set("REDIS_TLS_CA_FILE", "/opt/bitnami/redis/certs/ca.crt")}),
                              mounts),
                    volumes);
  };
  const auto asking = tls_source(bitnami("yes"));
  REQUIRE(asking);
  CHECK(asking->ca == SecretFile{"redis-crt", "ca.crt"});
  CHECK(asking->certificate == SecretFile{"redis-crt", "tls.crt"});
  CHECK(asking->key == SecretFile{"redis-crt", "tls.key"});
  const auto open = tls_source(bitnami("no"));
  REQUIRE(open);
  CHECK(open->ca == SecretFile{"redis-crt", "ca.crt"});
  CHECK(open->certificate == SecretFile{});
  CHECK_FALSE(tls_source(bitnami("yes", "no")));
  json by_arguments = container("redis", json::array(), list({mount("redis-certificates", "/tls")}));
  by_arguments["command"] =
      list({"sh", "-c",
            "exec redis-server --port 0 --tls-port 6379 --tls-ca-cert-file /tls/ca.crt "
            "--tls-cert-file /tls/tls.crt --tls-key-file \"/tls/tls.key\" --tls-auth-clients no"});
  const auto found = tls_source(pod_with(by_arguments, volumes));
  REQUIRE(found);
  CHECK(found->ca == SecretFile{"redis-crt", "ca.crt"});
  // a CA that is in no Secret is not found, and the pod still says that it speaks TLS
  const auto elsewhere = tls_source(pod_with(by_arguments));
  REQUIRE(elsewhere);
  CHECK(elsewhere->ca == SecretFile{});
  CHECK_FALSE(tls_source(pod_with(container("redis", list({variable("REDIS_PASSWORD", "redis", "password")})))));
}

TEST_CASE("adopt: a chart that writes redis.conf by a script says by its probe that Redis speaks TLS") {
  const auto probe = [](json command) {
    json server = container("redis", json::array(), list({mount("tls", "/etc/redis/tls"), mount("own", "/etc/own")}));
    server["livenessProbe"] = {{"exec", {{"command", std::move(command)}}}};
    return pod_with(server, list({secret_volume("tls", "certificates"), secret_volume("own", "client")}));
  };
  // CloudPirates'
  const auto in_script = tls_source(
      probe(list({"/bin/sh", "-c",
                  "\n  redis-cli -h \"127.0.0.1\" -p 6380 --tls --cert /etc/own/tls.crt --key /etc/own/tls.key "
                  "--cacert /etc/redis/tls/ca.crt ping\n"})));
  REQUIRE(in_script);
  CHECK(in_script->ca == SecretFile{"certificates", "ca.crt"});
  CHECK(in_script->certificate == SecretFile{"client", "tls.crt"});
  CHECK(in_script->key == SecretFile{"client", "tls.key"});
  // valkey-helm
  const auto words = tls_source(probe(list({"valkey-cli", "--cacert", "/etc/redis/tls/ca.crt", "--tls", "ping"})));
  REQUIRE(words);
  CHECK(words->ca == SecretFile{"certificates", "ca.crt"});
  CHECK(words->certificate == SecretFile{});
  CHECK_FALSE(tls_source(probe(list({"redis-cli", "ping"}))));
}

TEST_CASE("adopt: the Service's port, and the pod that it leads to") {
  const json named = {{"port", 6380}, {"name", "tcp-redis"}, {"targetPort", "redis"}};
  const json metrics = {{"port", 9121}, {"name", "http-metrics"}, {"targetPort", 9121}};
  json server = container("redis");
  server["ports"] = list({{{"name", "redis"}, {"containerPort", 6379}}});
  const json pods = list({pod_with(server)});
  const FoundService found = read_service(service(list({metrics, named})), pods, master);
  CHECK(found.port == 6380);
  CHECK(found.pod == "redis-0");
  CHECK(found.pod_port == 6379);
  CHECK(read_service(service(list({{{"port", 7000}}})), pods, master).pod_port == 7000);
  const json other_target = {{"port", 6379}, {"targetPort", 1234}};
  CHECK(read_service(service(list({other_target, metrics})), pods, master).pod_port == 1234);
  const json web = {{"port", 8080}};
  const Error several = error_of([&] { read_service(service(list({metrics, web})), pods, master); });
  CHECK(several.code() == ExitCode::preflight);
  CHECK(has(several.message(), "Service shop/redis-master has several ports"));
}

TEST_CASE("adopt: of several pods the master, and none that is not ready or ends") {
  json ending = ready("redis-2", json::object());
  ending["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z";
  json starting = ready("redis-3", json::object());
  starting["status"]["conditions"][0]["status"] = "False";
  const json one = ready("redis-0", json::object());
  const json two = ready("redis-1", json::object(), {{"role", "master"}});
  const json redis = service(list({{{"port", 6379}}}));
  CHECK(read_service(redis, list({starting, one, two}), master).pod == "redis-1");
  CHECK(read_service(redis, list({ending, one}), master).pod == "redis-0");
  const Error none = error_of([&] { read_service(redis, list({ending, starting}), master); });
  CHECK(has(none.message(), "leads to no pod that is ready"));
}

TEST_CASE("adopt: a Service's pods are found by its selector") {
  CHECK(selector_of(service(json::array())) == "app=redis");
  CHECK(selector_of({{"spec", {{"selector", {{"a", "1"}, {"b", "2"}}}}}}) == "a=1,b=2");
  CHECK(selector_of({{"spec", {{"type", "ExternalName"}}}}).empty());
}

TEST_CASE("adopt: --adopt-service names a Service, its namespace and who logs in") {
  CHECK(parse_adopted_service("redis-master", "shop", "x") == master);
  CHECK(parse_adopted_service("other/redis", "shop", "x") == AdoptedService{"other", "redis"});
  CHECK(parse_adopted_service("worker@shop/redis-master", "x", "x") ==
        AdoptedService{"shop", "redis-master", "worker"});
  CHECK(parse_adopted_service("default@redis-master", "shop", "x") == master);
  CHECK(master.host() == "redis-master.shop.svc.cluster.local");
  for (const char* bad : {"", "/redis", "shop/", "a/b/c", "Redis", "@redis", "a b@redis"}) {
    CAPTURE(bad);
    CHECK(error_of([&] { parse_adopted_service(bad, "shop", "--adopt-service"); }).code() == ExitCode::usage);
  }
}

TEST_CASE("adopt: it goes with --target external, and takes the cluster's options and --existing-secret with it") {
  const RedisSettings settings = redis_settings_of({{"target", "external"},
                                                    {"adopt-service", "shop/redis-master"},
                                                    {"context", "prod"},
                                                    {"existing-secret", "redis/password"}});
  CHECK(settings.adopted_service == master);
  CHECK(settings.existing_secret == SecretReference{"redis", "password"});
  const auto refused = [](const std::vector<Given>& options) {
    const Error error = error_of([&] { redis_settings_of(options); });
    CHECK(error.code() == ExitCode::usage);
    return error.message();
  };
  CHECK(has(refused({{"adopt-service", "redis"}}), "goes with --target external"));
  CHECK(has(refused({{"target", "local"}, {"adopt-service", "redis"}}), "goes with --target external"));
  CHECK(has(refused({{"target", "external"}, {"adopt-service", "redis"}, {"url", "redis://h"}}), "contradict"));
  CHECK(has(refused({{"target", "external"}, {"url", "redis://h"}, {"context", "prod"}}), "no cluster is asked"));
  CHECK(has(refused({{"target", "external"}, {"adopt-service", "redis"}, {"size", "1Gi"}}), "cannot be used with"));
}

TEST_CASE("adopt: what setup saved names the Service and its cluster again") {
  Credentials saved;
  saved.host = master.host();
  saved.port = 6380;
  saved.context = "prod";
  saved.release = "raibid-redis";
  saved.name_space = "raibid-redis";
  saved.username = "worker";
  saved.service = "shop/redis-master";
  const ExternalTarget target = saved_external(saved);
  REQUIRE(target.service);
  CHECK(target.service->kube_context == "prod");
  CHECK(target.service->name.user == "worker");
  CHECK(target.subject() == "Service shop/redis-master");
  CHECK(target.identity() == "shop/redis-master of prod");
  CHECK(target.address.port == 6380);
  saved.service.clear();
  CHECK_FALSE(saved_external(saved).service);
}

TEST_CASE("adopt: a hint names the Service and its cluster") {
  CHECK(Scope().adopting("shop/redis-master", "prod").command("status") ==
        "raibid-cli status --target external --adopt-service shop/redis-master --context prod");
  const Scope given(settings_of({{"target", "external"}, {"adopt-service", "redis"}, {"context", "prod"}}));
  CHECK(given.command("doctor") == "raibid-cli doctor --target external --adopt-service redis --context prod");
}

}  // namespace raibid::adopt_test
