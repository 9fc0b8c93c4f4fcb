// The four presets beside raibid's, value by value as their systems' guides name them.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "components/presets.hpp"
#include "components/redis/place/kubernetes/unchangeable.hpp"
#include "components/redis/settings/clients.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/services.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/values.hpp"

using namespace raibid;
using nlohmann::json;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// A preset as setup takes it, when nobody says anything else.
struct Loaded {
  explicit Loaded(const std::string& name, const std::string& name_space = "", const std::string& client = "",
                  const std::string& chart = "") {
    std::vector<OptionSpec> options = global_options();
    for (const OptionSpec& option : redis_options()) options.push_back(option);
    preset = load_preset(name, options);
    SettingMap flags;
    if (!name_space.empty()) flags["namespace"] = {{name_space}, {Source::flag, "-n"}};
    if (!client.empty()) flags["allow-from"] = {{client}, {Source::flag, "--allow-from"}};
    if (!chart.empty()) flags["chart"] = {{chart}, {Source::flag, "--chart"}};
    std::vector<std::string> warnings;
    const Settings resolved = resolve_settings(options, flags, {}, {}, preset.settings, warnings);
    settings = redis_settings(resolved, preset, {"/home/u/.raibid", "/home/u", "/tmp"});
  }
  json values() const { return json::parse(helm_values(settings, names(), false).dump()); }
  RedisNames names() const { return RedisNames(settings.release, settings.name_space); }
  std::vector<std::string> clients() const {
    std::vector<std::string> all;
    for (const Client& client : settings.clients) all.push_back(to_string(client));
    return all;
  }
  std::vector<std::string> resources() const {
    return {settings.memory_request, settings.memory_limit, settings.cpu_request, settings.cpu_limit};
  }
  std::vector<std::string> operations() const {
    std::vector<std::string> all;
    for (const SmokeOperation& operation : preset.smoke) all.push_back(operation.name);
    return all;
  }

  Preset preset;
  RedisSettings settings;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("preset mxclone: a job store behind a short name, with a password") {
  const Loaded mxclone("mxclone");
  CHECK(mxclone.settings.name_space == "mxclone");
  CHECK(mxclone.settings.services == Texts{"redis-service"});
  CHECK(application_host(mxclone.settings, mxclone.names()) == "redis-service");
  CHECK(mxclone.settings.auth);
  CHECK(mxclone.settings.streams.empty());
  CHECK(mxclone.clients() == Texts{"mxclone/app=mxclone"});
  CHECK(directive(mxclone.settings, "maxmemory-policy") == "noeviction");
  CHECK(mxclone.preset.holds == Texts{"jobs"});
  CHECK(mxclone.preset.environment == Pairs{{"MXCLONE_JOB_STORE_TYPE", "redis"},
                                            {"MXCLONE_REDIS_REDIS_ADDRESS", "{{address}}"},
                                            {"MXCLONE_REDIS_REDIS_PASSWORD", "{{password}}"},
                                            {"MXCLONE_REDIS_REDIS_DB", "0"},
                                            {"MXCLONE_REDIS_REDIS_PREFIX", "traceroutejob:"},
                                            {"MXCLONE_REDIS.REDIS_ADDRESS", "{{address}}"},
                                            {"MXCLONE_REDIS.REDIS_PASSWORD", "{{password}}"},
                                            {"MXCLONE_REDIS.REDIS_DB", "0"},
                                            {"MXCLONE_REDIS.REDIS_PREFIX", "traceroutejob:"}});
  REQUIRE(mxclone.preset.files.size() == 1);
  CHECK(mxclone.preset.files[0].first == "config.yaml");
  CHECK_FALSE(mxclone.settings.image);  // its guide names redis:alpine, which is any version
  CHECK(mxclone.operations() == Texts{"job-store", "claim-contention"});
  CHECK(mxclone.preset.smoke[0].parameters.at("prefix") == "traceroutejob:");
}

TEST_CASE("preset will-it-compile: hashes for a day, the pool by its formula") {
  const Loaded compile("will-it-compile");
  CHECK(compile.settings.name_space == "will-it-compile");
  CHECK(compile.settings.release == "will-it-compile-redis");
  CHECK(compile.settings.services == Texts{"redis"});
  CHECK(application_host(compile.settings, compile.names()) == "redis");
  CHECK(compile.settings.auth);
  CHECK(compile.settings.metrics);
  CHECK(directive(compile.settings, "appendonly") == "yes");
  CHECK(directive(compile.settings, "maxmemory") == "512mb");
  CHECK(directive(compile.settings, "maxmemory-policy") == "allkeys-lru");
  CHECK(directive(compile.settings, "databases") == "16");
  const std::map<std::string, std::string> environment(compile.preset.environment.begin(),
                                                       compile.preset.environment.end());
  CHECK(environment.at("REDIS_ENABLED") == "true");
  CHECK(environment.at("REDIS_ADDR") == "{{address}}");
  CHECK(environment.at("REDIS_PASSWORD") == "{{password}}");
  CHECK(environment.at("REDIS_DB") == "0");
  CHECK(environment.at("REDIS_JOB_TTL_HOURS") == "24");
  CHECK(environment.at("QUEUE_SIZE") == "100");
  CHECK(std::stoi(environment.at("REDIS_POOL_SIZE")) == std::stoi(environment.at("MAX_WORKERS")) * 2 + 10);
  CHECK(compile.operations() == Texts{"ttl-hashes", "index-sets"});
  CHECK(compile.preset.smoke[0].parameters.at("ttl") == "24h");
  CHECK(compile.preset.smoke[1].parameters.at("index-prefix") == "job:index:status:");
}

TEST_CASE(
    "preset mirai: its redis.conf line for line, no password; namespace mirai and Asynqmon may connect, nobody else") {
  const Loaded mirai("mirai");
  CHECK(mirai.settings.name_space == "redis");
  CHECK(mirai.settings.services == Texts{"redis"});
  CHECK(application_host(mirai.settings, mirai.names()) == "redis.redis.svc.cluster.local");
  CHECK_FALSE(mirai.settings.auth);
  CHECK_FALSE(mirai.settings.metrics);
  CHECK(mirai.settings.size == "5Gi");
  CHECK(mirai.settings.security_context.run_as_user == 999);
  CHECK(mirai.resources() == Texts{"256Mi", "512Mi", "100m", "500m"});
  CHECK(mirai.settings.directives == Pairs{{"maxmemory", "256mb"},
                                           {"maxmemory-policy", "allkeys-lru"},
                                           {"save", "900 1"},
                                           {"save", "300 10"},
                                           {"save", "60 10000"},
                                           {"appendonly", "yes"},
                                           {"appendfsync", "everysec"},
                                           {"notify-keyspace-events", "Ex"},
                                           {"databases", "16"}},
                                           {
    "repl-diskless-sync-delay", "0"}
});
CHECK(mirai.preset.holds == Texts{"queue", "cache", "locks"});
CHECK(mirai.clients() == Texts{"mirai", "redis/app=asynqmon"});
const json policy = mirai.values()["networkPolicy"];
CHECK(policy["allowExternal"] == false);
CHECK(policy["addExternalClientAccess"] == false);
CHECK(policy["extraIngress"] ==
      json{{{"ports", {{{"port", 6379}}}},
            {"from",
             {{{"namespaceSelector", {{"matchLabels", {{"kubernetes.io/metadata.name", "mirai"}}}}}},
              {{"namespaceSelector", {{"matchLabels", {{"kubernetes.io/metadata.name", "redis"}}}}},
               {"podSelector", {{"matchLabels", {{"app", "asynqmon"}}}}}}}}}});
CHECK(mirai.preset.environment == Pairs{{"ENABLE_REDIS_CACHE", "true"}, {"REDIS_URL", "{{url}}"}});
CHECK(mirai.operations() == Texts{"asynq-queue", "cache-ttl"});
CHECK(mirai.preset.smoke[0].parameters.at("queues") == "critical=6,default=3,low=1");
CHECK(mirai.preset.smoke[1].parameters.at("ttl") == "300s");
CHECK(mirai.preset.smoke[1].parameters.at("lock-ttl") == "10s");
}

TEST_CASE("preset sla-management: cache, channels and locks of five minutes") {
  const Loaded sla("sla-management");
  CHECK(sla.settings.name_space == "sla-management");
  CHECK(sla.names().workload == "redis-cache-master");
  CHECK(sla.settings.services == Texts{"redis-service"});
  CHECK(application_host(sla.settings, sla.names()) == "redis-service");
  CHECK(sla.settings.auth);
  CHECK(sla.settings.metrics);
  CHECK(sla.resources() == Texts{"256Mi", "512Mi", "250m", "500m"});
  CHECK(sla.clients() == Texts{"sla-management/app=sla-management"});
  CHECK(directive(sla.settings, "appendonly") == "yes");
  CHECK(sla.preset.holds == Texts{"cache", "locks"});
  CHECK(sla.preset.environment == Pairs{{"REDIS_URL", "{{url}}"}, {"CACHE_REFRESH_INTERVAL_HOURS", "6"}});
  CHECK(sla.operations() == Texts{"get-or-set", "pubsub-invalidation", "fencing-locks", "fallback"});
  CHECK(sla.preset.smoke[1].parameters.at("channels") == "sla:refresh,sla:changes");
  CHECK(sla.preset.smoke[2].parameters.at("timeout") == "5m");
}

TEST_CASE("the image that a guide names is asked for, and by the embedded chart alone") {
  for (const char* preset : {"mirai", "will-it-compile", "sla-management"}) {
    CAPTURE(preset);
    const Loaded loaded(preset);
    CHECK(loaded.values()["image"] ==
          json{{"registry", "docker.io"}, {"repository", "library/redis"}, {"tag", "7-alpine"}});
    CHECK_FALSE(Loaded(preset, "", "", "bitnami").settings.image);
  }
  CHECK_FALSE(Loaded("raibid").settings.image);
}

TEST_CASE("preset raibid: its guide's form of the URL, and what raibid-ci's server and agent read") {
  const Loaded raibid("raibid");
  const std::map<std::string, std::string> environment(raibid.preset.environment.begin(),
                                                       raibid.preset.environment.end());
  CHECK(environment.at("REDIS_URL") == "{{password-url}}");
  CHECK(environment.at("RAIBID_REDIS_URL") == "{{url}}");
  CHECK(environment.at("QUEUE_STREAM") == "{{stream}}");
  CHECK(environment.at("CONSUMER_GROUP") == "{{group}}");
}

TEST_CASE(
    "will-it-compile's pod carries the label that its application's egress policy asks for, no other preset's does") {
  const Loaded compile("will-it-compile");
  const json values = compile.values();
  CHECK(values["master"]["podLabels"] == json{{"app.kubernetes.io/component", "redis"}});
  CHECK(values["extraDeploy"][0]["spec"]["selector"]["app.kubernetes.io/component"] == "redis");
  for (const char* preset : {"raibid", "mxclone", "mirai", "sla-management"}) {
    CAPTURE(preset);
    CHECK_FALSE(Loaded(preset).values()["master"].contains("podLabels"));
  }
  // Bitnami's chart writes the component itself
  CHECK_FALSE(Loaded("will-it-compile", "", "", "bitnami").values()["master"].contains("podLabels"));
}

TEST_CASE("an installed release keeps its image and the component that its selector has") {
  const Loaded compile("will-it-compile");
  Observed observed;
  observed.workload = {
      "will-it-compile-redis", R"({"preset":"will-it-compile"})", "2Gi", std::nullopt, "master", false};
  const RedisSettings kept = as_installed(compile.settings, observed);
  CHECK_FALSE(kept.image);
  CHECK(kept.pod_labels.at("app.kubernetes.io/component") == "master");
  observed.workload->spec = R"({"image":"docker.io/library/redis:8"})";
  CHECK(as_installed(compile.settings, observed).image->tag == "8");
  RedisSettings asked = compile.settings;
  asked.image_of_preset = false;
  CHECK(as_installed(asked, observed).image->tag == "7-alpine");
  CHECK(as_installed(compile.settings, Observed{}).image->tag == "7-alpine");
}

TEST_CASE("a further client far away does not change the name by which the application finds Redis") {
  Loaded mxclone("mxclone");
  mxclone.settings.clients.push_back({"keda", {}});
  CHECK(application_host(mxclone.settings, mxclone.names()) == "redis-service");
}

TEST_CASE("a preset's own namespace follows -n, with its clients; those of other namespaces stay") {
  const Loaded moved("mxclone", "stores");
  CHECK(moved.clients() == Texts{"stores/app=mxclone"});
  CHECK(application_host(moved.settings, moved.names()) == "redis-service");
  const json from = moved.values()["networkPolicy"]["extraIngress"][0]["from"];
  CHECK(from[0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == "stores");
  CHECK(Loaded("mirai", "stores").clients() == Texts{"mirai", "stores/app=asynqmon"});
}

TEST_CASE("a Redis that lives elsewhere is reached by its long name") {
  const Loaded moved("mxclone", "stores", "mxclone/app=mxclone");
  CHECK(application_host(moved.settings, moved.names()) == "redis-service.stores.svc.cluster.local");
  const Loaded raibid("raibid");
  CHECK(application_host(raibid.settings, raibid.names()) == "raibid-redis-master.raibid-redis.svc.cluster.local");
}
