#include "components/redis/settings/values.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/redis_settings.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;
using nlohmann::json;

namespace {

json values_of(const RedisSettings& settings, bool service_monitors = false) {
  return json::parse(helm_values(settings, RedisNames(settings.release, settings.name_space), service_monitors).dump());
}

json values_for(const std::vector<Given>& given, const Preset& preset = job_queue_preset()) {
  return values_of(redis_settings_of(given, preset));
}

json without_spec(json values) {
  values.erase("commonAnnotations");
  return values;
}

json rule(const json& from) { return json{{{"ports", {{{"port", 6379}}}}, {"from", from}}}; }

}  // namespace

TEST_CASE("values of the first seed for the embedded chart") {
  const json expected = json::parse(R"({
    "architecture": "standalone",
    "auth": {"enabled": true, "existingSecret": "raibid-redis", "existingSecretPasswordKey": "redis-password", "usePasswordFiles": true},
    "commonConfiguration": "appendonly yes\nappendfsync everysec\naof-load-truncated yes\nsave \"\"\nmaxmemory-policy noeviction\nmaxmemory 307mb\nrepl-diskless-sync-delay 0\n",
    "master": {
      "persistence": {"enabled": true, "size": "8Gi"},
      "resources": {"requests": {"memory": "256Mi", "cpu": "100m"}, "limits": {"memory": "512Mi", "cpu": "500m"}}
    },
    "metrics": {"enabled": true, "extraArgs": {"check-single-streams": "db0=raibid:jobs"}},
    "networkPolicy": {
      "enabled": true, "allowExternal": true, "allowExternalEgress": false,
      "metrics": {"allowExternal": false, "ingressNSMatchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    }
  })");
  CHECK(without_spec(values_for({})) == expected);
}

TEST_CASE("the values carry the spec, and the same settings give the same text") {
  const RedisSettings settings = redis_settings_of({});
  const RedisNames names(settings.release, settings.name_space);
  const json annotation = values_of(settings)["commonAnnotations"];
  CHECK(annotation.size() == 1);
  CHECK(parse_spec(annotation["raibid-cli/spec"].get<std::string>()) == spec_of(settings));
  CHECK(helm_values(settings, names, true).dump() == helm_values(redis_settings_of({}), names, true).dump());
  CHECK_FALSE(values_of(settings).contains("commonLabels"));
}

TEST_CASE("what is switched off") {
  const json values = values_for({{"no-auth", "true"}, {"no-metrics", "true"}, {"no-persistence", "true"}});
  CHECK(values["auth"] == json{{"enabled", false}});
  CHECK(values["metrics"] == json{{"enabled", false}});
  CHECK(values["master"]["persistence"] == json{{"enabled", false}});
  CHECK(values["commonConfiguration"] ==
        "maxmemory-policy noeviction\nappendonly no\nsave \"\"\nmaxmemory 384mb\nrepl-diskless-sync-delay 0\n");
}

TEST_CASE("images, claim and monitors") {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const json values = values_of(redis_settings_of({{"image", "localhost:5000/redis@" + digest},
                                                   {"exporter-image", "oliver006/redis_exporter:v1.89.0"},
                                                   {"size", "1G"},
                                                   {"storage-class", "-"}}),
                                true);
  CHECK(values["image"] == json{{"registry", "localhost:5000"}, {"repository", "redis"}, {"digest", digest}});
  CHECK(values["metrics"]["image"] ==
        json{{"registry", "docker.io"}, {"repository", "oliver006/redis_exporter"}, {"tag", "v1.89.0"}});
  CHECK(values["metrics"]["serviceMonitor"] == json{{"enabled", true}});
  CHECK(values["master"]["persistence"] == json{{"enabled", true}, {"size", "1G"}, {"storageClass", "-"}});
  CHECK_FALSE(values.contains("global"));  // the embedded chart takes any image
}

TEST_CASE("named clients, and nobody else") {
  const json values = values_for({{"allow-from", "jobs"}, {"allow-from", "ci/app=worker,tier=back"}});
  CHECK(values["networkPolicy"]["allowExternal"] == false);
  CHECK(values["networkPolicy"]["addExternalClientAccess"] == false);
  CHECK(values["networkPolicy"]["extraIngress"] ==
        rule({{{"namespaceSelector", {{"matchLabels", {{"kubernetes.io/metadata.name", "jobs"}}}}}},
              {{"namespaceSelector", {{"matchLabels", {{"kubernetes.io/metadata.name", "ci"}}}}},
               {"podSelector", {{"matchLabels", {{"app", "worker"}, {"tier", "back"}}}}}}}));
}

TEST_CASE("Bitnami's chart: to it, allowExternal would mean everybody") {
  const json policy = values_for({{"chart", "bitnami"}})["networkPolicy"];
  CHECK(policy["allowExternal"] == false);
  CHECK(policy["extraIngress"] == rule({{{"namespaceSelector", json::object()}}}));
  CHECK(policy["metrics"]["allowExternal"] == false);
}

TEST_CASE("Bitnami's chart: images that can be pulled, and quick probes") {
  const json values = values_for({{"chart", "bitnami"}});
  CHECK(values["image"] == json{{"repository", "bitnamilegacy/redis"}});
  CHECK(values["metrics"]["image"] == json{{"repository", "bitnamilegacy/redis-exporter"}});
  CHECK(values["global"] == json{{"security", {{"allowInsecureImages", true}}}});
  CHECK(values["master"]["readinessProbe"] == json{{"initialDelaySeconds", 1}, {"periodSeconds", 2}});
  CHECK(values["master"]["startupProbe"]["enabled"] == true);
  CHECK(values["master"]["startupProbe"]["initialDelaySeconds"] == 0);
  CHECK(values["metrics"]["readinessProbe"] == json{{"initialDelaySeconds", 1}, {"periodSeconds", 2}});
  CHECK(values["auth"]["usePasswordFiles"] == true);
}

TEST_CASE("Bitnami's chart: only its own images need no permission") {
  const auto allowed = [](const std::vector<Given>& given) {
    std::vector<Given> all{{"chart", "bitnami"}};
    all.insert(all.end(), given.begin(), given.end());
    return values_for(all).contains("global");
  };
  CHECK_FALSE(allowed({{"image", "bitnami/redis:8"}, {"exporter-image", "bitnami/redis-exporter:1"}}));
  CHECK_FALSE(allowed({{"image", "bitnami/redis:8"}, {"no-metrics", "true"}}));
  CHECK(allowed({{"image", "redis:7-alpine"}, {"no-metrics", "true"}}));
  CHECK(allowed({{"image", "mirror.local/bitnami/redis:8"}, {"no-metrics", "true"}}));
  CHECK(allowed({{"image", "bitnami/redis:8"}}));  // its exporter comes from bitnamilegacy
  CHECK(values_for({{"chart", "bitnami"}, {"no-metrics", "true"}})["metrics"] == json{{"enabled", false}});
}

TEST_CASE("any other chart has to give the same names") {
  const json values = values_for({{"chart", "team/redis"}, {"release", "jobs"}});
  CHECK(values["nameOverride"] == "redis");
  CHECK(values["fullnameOverride"] == "jobs-redis");
  CHECK_FALSE(values.contains("image"));
  CHECK_FALSE(values["master"].contains("readinessProbe"));
  CHECK(values_for({{"chart", "team/redis"}, {"image", "redis:7"}})["global"]["security"]["allowInsecureImages"] ==
        true);
}

TEST_CASE("further names: a Service of the same pod here, a name in DNS elsewhere") {
  Preset preset = job_queue_preset();
  preset.services = {"redis", "app/redis-service"};
  const json objects = values_for({}, preset)["extraDeploy"];
  REQUIRE(objects.size() == 2);
  CHECK(objects[0]["metadata"]["name"] == "redis");
  CHECK_FALSE(objects[0]["metadata"].contains("namespace"));
  CHECK(
      objects[0]["spec"] ==
      json::parse(
          R"({"type": "ClusterIP", "publishNotReadyAddresses": true, "ports": [{"name": "tcp-redis", "port": 6379, "targetPort": "redis"}],
    "selector": {"app.kubernetes.io/name": "redis", "app.kubernetes.io/instance": "raibid-redis", "app.kubernetes.io/component": "master"}})"));
  CHECK(objects[1]["metadata"]["namespace"] == "app");
  CHECK(objects[1]["metadata"]["name"] == "redis-service");
  CHECK(objects[1]["spec"] ==
        json{{"type", "ExternalName"}, {"externalName", "raibid-redis-master.raibid-redis.svc.cluster.local"}});
  CHECK_FALSE(values_for({}).contains("extraDeploy"));
}

TEST_CASE("who Redis runs as, where each chart reads it") {
  Preset preset = job_queue_preset();
  preset.security_context = {1000, 1001, 1002};
  CHECK(values_for({}, preset)["master"]["podSecurityContext"] ==
        json{{"runAsUser", 1000}, {"runAsGroup", 1001}, {"fsGroup", 1002}});
  const json bitnami = values_for({{"chart", "bitnami"}}, preset)["master"];
  CHECK(bitnami["containerSecurityContext"] == json{{"runAsUser", 1000}, {"runAsGroup", 1001}});
  CHECK(bitnami["podSecurityContext"] == json{{"fsGroup", 1002}});
  CHECK_FALSE(values_for({})["master"].contains("podSecurityContext"));
}

TEST_CASE("a stream's name that a shell would read is not handed to the exporter") {
  Preset preset = job_queue_preset();
  preset.streams = {{"jobs;rm", {"g"}, 0}, {"a:b", {"g"}, 0}, {"c.d", {"g"}, 0}};
  CHECK(values_for({}, preset)["metrics"]["extraArgs"] == json{{"check-single-streams", "db0=a:b,db0=c.d"}});
  preset.streams.resize(1);
  CHECK_FALSE(values_for({}, preset)["metrics"].contains("extraArgs"));
  preset.streams.clear();
  CHECK_FALSE(values_for({}, preset)["metrics"].contains("extraArgs"));
}

TEST_CASE("no value ever holds a password or says where one is") {
  const std::string text = values_for({{"password-file", "/home/u/hunter2"}, {"chart", "bitnami"}}).dump();
  CHECK_FALSE(has(text, "hunter2"));
  CHECK_FALSE(has(text, "\"password\""));
}

TEST_CASE("the chart is told what to trim and when, and nothing without a schedule") {
  CHECK_FALSE(values_for({}).contains("trim"));
  CHECK(values_for({{"trim-schedule", "@hourly"}})["trim"] ==
        json::parse(R"({"schedule": "@hourly", "streams": [{"name": "raibid:jobs", "maxLength": 10000}]})"));
}

TEST_CASE("the chart is told when to take backups and where they go, and nothing without a schedule") {
  CHECK_FALSE(values_for({}).contains("backup"));
  CHECK(values_for({{"backup-schedule", "0 3 * * *"}})["backup"] ==
        json::parse(R"({"schedule": "0 3 * * *", "keep": 7, "preset": "raibid", "claim": "raibid-redis-backup"})"));
  CHECK(values_for({{"backup-schedule", "@daily"},
                    {"backup-to", "rclone:s3:bucket"},
                    {"backup-secret", "keys"},
                    {"backup-image", "mirror/rclone:1"}})["backup"] ==
        json::parse(
            R"({"schedule": "@daily", "keep": 7, "preset": "raibid", "remote": "s3:bucket", "existingSecret": "keys",
                        "image": {"registry": "docker.io", "repository": "mirror/rclone", "tag": "1"}})"));
}

TEST_CASE("TLS in the values: the Secret's name and nothing of a certificate; without TLS nothing at all") {
  CHECK_FALSE(values_for({}).contains("tls"));
  CHECK(values_for({{"tls", "true"}}).at("tls") ==
        json{{"enabled", true}, {"authClients", false}, {"existingSecret", "raibid-redis-tls"}});
  CHECK(values_for({{"tls-secret", "mine"}, {"tls-client-certs", "true"}}).at("tls") ==
        json{{"enabled", true}, {"authClients", true}, {"existingSecret", "mine"}});
  CHECK(values_for({{"tls-issuer", "ClusterIssuer/ours"}}).at("tls").at("reload") == json{{"schedule", "@daily"}});
}

TEST_CASE("while clients migrate both ports are open to them, by every name") {
  const json values = values_for({{"tls", "true"}, {"tls-migrate", "true"}, {"allow-from", "jobs"}});
  CHECK(values.at("tls").at("migrate") == true);
  CHECK(values.at("networkPolicy").at("extraIngress").at(0).at("ports") == json{{{"port", 6379}}, {{"port", 6380}}});
}
