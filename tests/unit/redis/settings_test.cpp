#include "components/redis/settings/settings.hpp"

#include <doctest/doctest.h>

#include <set>

#include "components/redis/settings/clients.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/stream_options.hpp"
#include "support/redis_settings.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

Error refusal(const std::vector<Given>& given, const Preset& preset = job_queue_preset()) {
  Error error = error_of([&] { redis_settings_of(given, preset); });
  CHECK(error.code() == ExitCode::usage);
  CHECK_FALSE(error.hint().empty());
  return error;
}

std::string maxmemory(const std::vector<Given>& given, const Preset& preset = job_queue_preset()) {
  return directive(redis_settings_of(given, preset), "maxmemory");
}

}  // namespace

TEST_CASE("the options of setup redis are those of its description") {
  std::set<std::string> names;
  for (const OptionSpec& option : redis_options()) {
    CHECK(names.insert(std::string(option.name)).second);
    CHECK_FALSE(option.help.empty());
    CHECK_FALSE(option.group.empty());
  }
  CHECK(names == std::set<std::string>{"chart",
                                       "chart-version",
                                       "image",
                                       "exporter-image",
                                       "proxy-image",
                                       "ha",
                                       "replicas",
                                       "size",
                                       "storage-class",
                                       "no-persistence",
                                       "memory-request",
                                       "memory-limit",
                                       "cpu-request",
                                       "cpu-limit",
                                       "no-metrics",
                                       "monitoring",
                                       "no-auth",
                                       "password-file",
                                       "allow-from",
                                       "stream",
                                       "group",
                                       "max-length",
                                       "trim-schedule",
                                       "backup-schedule",
                                       "backup-to",
                                       "backup-keep",
                                       "backup-secret",
                                       "backup-image",
                                       "cluster-domain",
                                       "set",
                                       "values",
                                       "strict",
                                       "reset",
                                       "restart",
                                       "adopt",
                                       "discard-data",
                                       "existing-secret",
                                       "keep-on-failure",
                                       "user",
                                       "tls",
                                       "tls-secret",
                                       "tls-issuer",
                                       "tls-client-certs",
                                       "tls-migrate"});
  for (const OptionSpec& option : global_options()) {
    CAPTURE(std::string(option.name));
    CHECK(names.count(std::string(option.name)) == 0);
  }
}

TEST_CASE("without anything given, the settings are those of the first seed") {
  const RedisSettings settings = redis_settings_of({});
  CHECK(settings.preset == "raibid");
  CHECK(settings.target == Target::kubernetes);
  CHECK(settings.name_space == "raibid-redis");
  CHECK(settings.release == "raibid-redis");
  CHECK(settings.chart.kind == ChartChoice::Kind::embedded);
  CHECK_FALSE(settings.image.has_value());
  CHECK(settings.persistence);
  CHECK(settings.size == "8Gi");
  CHECK(settings.memory_request == "256Mi");
  CHECK(settings.memory_limit == "512Mi");
  CHECK(settings.cpu_request == "100m");
  CHECK(settings.cpu_limit == "500m");
  CHECK(settings.metrics);
  CHECK(settings.auth);
  CHECK(settings.clients.empty());
  REQUIRE(settings.streams.size() == 1);
  CHECK(settings.streams[0].name == "raibid:jobs");
  CHECK(settings.streams[0].groups == std::vector<std::string>{"raibid-workers"});
  CHECK(settings.streams[0].max_length == 10000);
  CHECK(directive(settings, "appendonly") == "yes");
  CHECK(directive(settings, "appendfsync") == "everysec");
  CHECK(directive(settings, "maxmemory") == "307mb");
}

TEST_CASE("what is given replaces it") {
  const RedisSettings settings = redis_settings_of({{"target", "local"},
                                                    {"image", "valkey/valkey:8.1"},
                                                    {"exporter-image", "x/exporter:1"},
                                                    {"size", "1G"},
                                                    {"storage-class", "fast.ssd"},
                                                    {"memory-request", "1Gi"},
                                                    {"memory-limit", "2Gi"},
                                                    {"cpu-request", "1"},
                                                    {"cpu-limit", "2"},
                                                    {"no-metrics", "true"},
                                                    {"password-file", "/home/u/secret"},
                                                    {"adopt", "true"},
                                                    {"keep-on-failure", "true"},
                                                    {"set", "a.b=c"}});
  CHECK(settings.target == Target::local);
  CHECK(settings.image->repository == "valkey/valkey");
  CHECK(settings.exporter_image->repository == "x/exporter");
  CHECK(settings.size == "1G");
  CHECK(settings.storage_class == "fast.ssd");
  CHECK(settings.memory_limit == "2Gi");
  CHECK_FALSE(settings.metrics);
  CHECK(settings.password_file == "/home/u/secret");
  CHECK(settings.adopt);
  CHECK(settings.keep_on_failure);
  CHECK(settings.sets == std::vector<std::string>{"a.b=c"});
}

TEST_CASE("a command without setup's options gets what the preset says") {
  SettingMap values;
  values["namespace"] = values["release"] = {{"raibid-redis"}, {Source::preset, "preset raibid:4"}};
  values["target"] = {{"kubernetes"}, {Source::default_value, "default"}};
  const RedisSettings settings = redis_settings(Settings(values), job_queue_preset(), some_paths());
  CHECK(settings.release == "raibid-redis");
  CHECK(settings.streams.size() == 1);
  CHECK_FALSE(settings.adopt);
  CHECK(settings.auth);
}

TEST_CASE("sizes and quantities that make no sense name the option and where it came from") {
  CHECK(has(refusal({{"size", "0"}}).message(), "--size: \"0\""));
  CHECK(has(error_of([] {
              redis_settings_of({{"size", "8G i", "RAIBID_SIZE", Source::environment}});
            }).message(),
            "--size (RAIBID_SIZE)"));
  CHECK(has(error_of([] {
              redis_settings_of({{"memory-limit", "-1Mi", "~/.raibid/config.yaml:3", Source::file}});
            }).message(),
            "--memory-limit (~/.raibid/config.yaml:3)"));
  CHECK(has(refusal({{"cpu-limit", "0"}}).message(), "--cpu-limit: \"0\""));
  // bytes, and thousandths of one
  CHECK(has(refusal({{"memory-limit", "512"}, {"memory-request", "1"}}).message(), "too little for Redis"));
  CHECK(has(refusal({{"memory-limit", "512m"}, {"memory-request", "1"}}).message(), "too little for Redis"));
}

TEST_CASE("a request above its limit names both") {
  const Error memory = refusal({{"memory-request", "1Gi"}});
  CHECK(has(memory.message(), "--memory-request: 1Gi is above the limit of 512Mi, --memory-limit (default)"));
  const Error cpu = refusal({{"cpu-request", "2", "RAIBID_CPU_REQUEST", Source::environment}, {"cpu-limit", "1500m"}});
  CHECK(has(cpu.message(), "--cpu-request (RAIBID_CPU_REQUEST): 2 is above the limit of 1500m, --cpu-limit"));
  CHECK_NOTHROW(redis_settings_of({{"memory-request", "512Mi"}, {"cpu-request", "0.5"}}));
}

TEST_CASE("maxmemory leaves room below the memory limit") {
  CHECK(maxmemory({}) == "307mb");
  CHECK(maxmemory({{"memory-limit", "1Gi"}}) == "614mb");
  CHECK(maxmemory({{"memory-limit", "1G"}}) == "572mb");
  CHECK(maxmemory({{"no-persistence", "true"}}) == "384mb");
  CHECK(maxmemory({{"memory-limit", "1000Gi"}}) == "614400mb");
}

TEST_CASE("without maxmemory the limit of all clients is a tenth of the memory limit") {
  Preset preset = job_queue_preset();
  preset.redis.emplace_back("maxmemory", "0");
  CHECK(directive(redis_settings_of({}, preset), "maxmemory-clients") == "51mb");
  preset.redis.emplace_back("maxmemory-clients", "7mb");
  CHECK(directive(redis_settings_of({}, preset), "maxmemory-clients") == "7mb");
  CHECK(directive(redis_settings_of({}), "maxmemory-clients").empty());  // the chart's 10% of maxmemory
}

TEST_CASE("a preset's own maxmemory stays, also above the limit: that is for a warning") {
  Preset preset = job_queue_preset();
  preset.redis.emplace_back("maxmemory", "256mb");
  CHECK(maxmemory({}, preset) == "256mb");
  CHECK(maxmemory({{"memory-limit", "256Mi"}}, preset) == "256mb");
  CHECK(maxmemory({{"memory-limit", "255Mi"}, {"memory-request", "100Mi"}}, preset) == "256mb");
  preset.redis.back().second = "256MiB";
  CHECK(has(refusal({}, preset).message(), "redis.maxmemory: \"256MiB\" is not a size"));
  preset.redis.back().second = "0";
  CHECK(maxmemory({}, preset) == "0");
}

TEST_CASE("without persistence nothing is written") {
  const RedisSettings settings = redis_settings_of({{"no-persistence", "true"}});
  CHECK_FALSE(settings.persistence);
  CHECK(directive(settings, "appendonly") == "no");
  CHECK(directive(settings, "save").empty());
  CHECK(directive(settings, "appendfsync").empty());
  CHECK(directive(settings, "maxmemory-policy") == "noeviction");
}

TEST_CASE("a directive's last value counts, and repeated ones are kept") {
  Preset preset = job_queue_preset();
  preset.redis = {{"save", "900 1"}, {"save", "300 10"}};
  const RedisSettings settings = redis_settings_of({}, preset);
  CHECK(directive(settings, "save") == "300 10");
  CHECK(settings.directives.size() == 4);
}

TEST_CASE("a preset's directive that holds a password is refused") {
  Preset preset = job_queue_preset();
  preset.redis.emplace_back("requirepass", "hunter2");
  const Error error = refusal({}, preset);
  CHECK(has(error.message(), "preset raibid: redis.requirepass"));
  CHECK_FALSE(has(error.message() + error.hint(), "hunter2"));
}

TEST_CASE("--stream, --group and --max-length replace what the preset's first stream says") {
  Preset preset = job_queue_preset();
  preset.streams = {{"a", {"one", "two"}, 100}, {"b", {"three"}, 0}};
  const RedisSettings settings =
      redis_settings_of({{"stream", "jobs"}, {"group", "workers"}, {"max-length", "0"}}, preset);
  REQUIRE(settings.streams.size() == 2);
  CHECK(settings.streams[0].name == "jobs");
  CHECK(settings.streams[0].groups == std::vector<std::string>{"workers"});
  CHECK(settings.streams[0].max_length == 0);
  CHECK(settings.streams[1].name == "b");
}

TEST_CASE("the preset's own stream settings, which say the same in short, replace nothing") {
  Preset preset = job_queue_preset();
  preset.streams = {{"a", {"one", "two"}, 100}};
  const RedisSettings settings = redis_settings_of({{"stream", "a", "preset raibid:7", Source::preset},
                                                    {"group", "one", "preset raibid:7", Source::preset},
                                                    {"max-length", "100", "preset raibid:7", Source::preset}},
                                                   preset);
  CHECK(settings.streams[0].groups == std::vector<std::string>{"one", "two"});
}

TEST_CASE("a stream for a preset that has none") {
  Preset preset = job_queue_preset();
  preset.streams.clear();
  CHECK(redis_settings_of({}, preset).streams.empty());
  const RedisSettings settings = redis_settings_of({{"stream", "jobs"}, {"group", "workers"}}, preset);
  REQUIRE(settings.streams.size() == 1);
  CHECK(settings.streams[0].name == "jobs");
  CHECK(has(refusal({{"group", "workers"}}, preset).message(), "--group: preset raibid has no stream"));
  CHECK(has(refusal({{"max-length", "5"}}, preset).message(), "--max-length: preset raibid has no stream"));
}

TEST_CASE("stream and group names that cannot be meant") {
  CHECK(has(refusal({{"stream", " raibid:jobs"}}).message(), "--stream"));
  CHECK(has(refusal({{"group", "a\nb"}}).message(), "--group"));
  CHECK(has(refusal({{"stream", "\xff"}}).message(), "--stream"));
  CHECK(has(refusal({{"stream", std::string(256, 's')}}).message(), "--stream"));
  CHECK(has(refusal({{"max-length", "-1"}}).message(), "--max-length"));
  CHECK(redis_settings_of({{"stream", "{tenant}:jobs/ä"}}).streams[0].name == "{tenant}:jobs/ä");
  Preset preset = job_queue_preset();
  preset.streams = {{"a", {}, 0}, {"b", {}, 0}};
  CHECK(has(refusal({{"stream", "b"}}, preset).message(), "is listed twice"));
}

TEST_CASE("who may connect") {
  const RedisSettings settings = redis_settings_of(
      {{"allow-from", "jobs"}, {"allow-from", "ci/app=worker,app.kubernetes.io/part-of=raibid,empty="}});
  REQUIRE(settings.clients.size() == 2);
  CHECK(settings.clients[0].name_space == "jobs");
  CHECK(settings.clients[0].pod_labels.empty());
  CHECK(settings.clients[1].name_space == "ci");
  CHECK(settings.clients[1].pod_labels ==
        std::vector<std::pair<std::string, std::string>>{
            {"app", "worker"}, {"app.kubernetes.io/part-of", "raibid"}, {"empty", ""}});
  CHECK(to_string(settings.clients[0]) == "jobs");
  CHECK(to_string(settings.clients[1]) == "ci/app=worker,app.kubernetes.io/part-of=raibid,empty=");
}

TEST_CASE("the preset's clients hold unless --allow-from says others") {
  Preset preset = job_queue_preset();
  preset.client_namespaces = {"mirai"};
  CHECK(redis_settings_of({}, preset).clients.at(0).name_space == "mirai");
  const RedisSettings settings = redis_settings_of({{"allow-from", "jobs"}}, preset);
  REQUIRE(settings.clients.size() == 1);
  CHECK(settings.clients[0].name_space == "jobs");
}

TEST_CASE("invalid clients are refused") {
  for (const char* client : {"", "Jobs", "jobs/", "jobs/app", "jobs/=worker", "jobs/app=a b", "jobs/app=worker,",
                             "jobs/a=1,a=2", "jobs/-a=1", "jobs/a/b/c=1", "jobs/A_.com/x=1", "*", "jobs/app=-x"}) {
    CAPTURE(client);
    CHECK(has(refusal({{"allow-from", client}}).message(), "--allow-from"));
  }
}

TEST_CASE("a size without its unit, or with that of thousandths, is refused with what was probably meant") {
  struct Case {
    const char *option, *value, *meant;
  };
  for (const Case& one : {Case{"size", "2", "2Gi"}, Case{"size", "2m", "2Mi"}, Case{"size", "100k", "100Mi"},
                          Case{"size", "0.5", "0.5Gi"}, Case{"memory-request", "256", "256Mi"},
                          Case{"memory-request", "256m", "256Mi"}}) {
    CAPTURE(one.value);
    const Error error = refusal({{one.option, one.value}});
    CHECK(error.code() == ExitCode::usage);
    CHECK(has(error.message(), std::string("--") + one.option + ": \"" + one.value + "\""));
    CHECK(error.hint() == std::string("did you mean ") + one.meant + "?");
  }
  CHECK(redis_settings_of({{"size", "1e9"}}).size == "1e9");
  CHECK(redis_settings_of({{"size", "2G"}}).size == "2G");
}

TEST_CASE("no password and a password file contradict each other") {
  CHECK_FALSE(redis_settings_of({{"no-auth", "true"}}).auth);
  CHECK(
      has(refusal({{"no-auth", "true"}, {"password-file", "x", "RAIBID_PASSWORD_FILE", Source::environment}}).message(),
          "--no-auth and --password-file (RAIBID_PASSWORD_FILE)"));
}

TEST_CASE("names and images are checked") {
  CHECK(has(refusal({{"namespace", "Raibid"}}).message(), "--namespace: \"Raibid\""));
  CHECK(has(refusal({{"release", "a_b"}}).message(), "--release: \"a_b\""));
  CHECK(has(refusal({{"image", "redis:"}}).message(), "--image"));
  CHECK(has(refusal({{"exporter-image", "A"}}).message(), "--exporter-image"));
  CHECK(has(refusal({{"storage-class", "Fast_SSD"}}).message(), "--storage-class"));
  CHECK(redis_settings_of({{"storage-class", "-"}}).storage_class == "-");
}

TEST_CASE("further Service names") {
  Preset preset = job_queue_preset();
  preset.services = {"redis", "raibid-redis/redis", "app/redis-service", "raibid-redis-master"};
  CHECK(redis_settings_of({}, preset).services == std::vector<std::string>{"redis", "app/redis-service"});
  for (const char* service : {"Redis", "7redis", "a/", "/a", "A/b", "a.b", ""}) {
    CAPTURE(service);
    preset.services = {service};
    CHECK(has(refusal({}, preset).message(), "preset raibid: services"));
  }
}

TEST_CASE("streams with a limit are trimmed by a schedule, on a cluster with the embedded chart") {
  const Given schedule{"trim-schedule", "*/10 * * * *"};
  CHECK(redis_settings_of({}).trim_schedule.empty());
  CHECK(trimmed_streams(redis_settings_of({})).empty());
  CHECK(redis_settings_of({{"trim-schedule", "off"}}).trim_schedule.empty());
  Preset two = job_queue_preset();
  two.streams.push_back({"endless", {"g"}, 0});
  const std::vector<StreamSpec> streams = trimmed_streams(redis_settings_of({schedule}, two));
  REQUIRE(streams.size() == 1);
  CHECK(streams[0].name == "raibid:jobs");
  CHECK(redis_settings_of({{"trim-schedule", "@hourly"}}).trim_schedule == "@hourly");
  for (const char* bad : {"daily", "* * * *", "* * * * * *", "* * * * $(x)", "@", "@x y"}) {
    CAPTURE(bad);
    CHECK(has(refusal({{"trim-schedule", bad}}).message(), "is not a schedule"));
  }
  CHECK(has(refusal({schedule, {"target", "local"}}).message(), "no cluster"));
  CHECK(has(refusal({schedule, {"chart", "bitnami"}}).message(), "only the embedded chart"));
  CHECK(has(refusal({schedule, {"max-length", "0"}}).message(), "no stream has a limit"));
}

TEST_CASE("backups by a schedule: when, where to, how many") {
  const Given nightly{"backup-schedule", "0 3 * * *"};
  CHECK_FALSE(redis_settings_of({}).backup.wanted());
  CHECK_FALSE(redis_settings_of({{"backup-schedule", "off"}}).backup.wanted());
  const BackupChoice own = redis_settings_of({nightly}).backup;
  CHECK(own.own_claim());
  CHECK(own.keep == 7);
  CHECK(backup_claim(own, "raibid-redis") == "raibid-redis-backup");
  CHECK(redis_settings_of({nightly, {"backup-to", "claim"}}).backup.own_claim());
  const BackupChoice given = redis_settings_of({nightly, {"backup-to", "claim:safe"}, {"backup-keep", "3"}}).backup;
  CHECK_FALSE(given.own_claim());
  CHECK(backup_claim(given, "raibid-redis") == "safe");
  CHECK(given.keep == 3);
  const BackupChoice store =
      redis_settings_of({nightly, {"backup-to", "rclone:s3:bucket/redis"}, {"backup-secret", "keys"}}).backup;
  CHECK(store.to == BackupChoice::To::rclone);
  CHECK(store.place == "s3:bucket/redis");
  CHECK(store.secret == "keys");
  const BackupChoice local = redis_settings_of({nightly, {"target", "local"}, {"backup-to", "/var/backups"}}).backup;
  CHECK(local.to == BackupChoice::To::folder);
  CHECK(local.place == "/var/backups");
  CHECK(
      fs::path(redis_settings_of({nightly, {"target", "local"}, {"backup-to", "copies"}}).backup.place).is_absolute());

  CHECK(has(refusal({{"backup-schedule", "daily"}}).message(), "is not a schedule"));
  CHECK(has(refusal({{"backup-schedule", "0 3 30 2 *"}}).message(), "is not a schedule"));
  CHECK(has(refusal({nightly, {"backup-to", "/var/backups"}}).message(), "no place that a pod can write to"));
  CHECK(has(refusal({nightly, {"backup-to", "claim:Not_A_Name"}}).message(), "names no claim"));
  CHECK(has(refusal({nightly, {"backup-to", "rclone:s3:bucket"}}).message(), "needs --backup-secret"));
  CHECK(
      has(refusal({nightly, {"backup-to", "rclone:s3:it's"}, {"backup-secret", "keys"}}).message(), "names no remote"));
  CHECK(has(refusal({nightly, {"backup-keep", "0"}}).message(), "would keep none"));
  CHECK(has(refusal({{"backup-to", "claim"}}).message(), "needs --backup-schedule"));
  CHECK(has(refusal({nightly, {"chart", "bitnami"}}).message(), "only the embedded chart"));
  CHECK(has(refusal({nightly, {"target", "local"}}).message(), "needs --backup-to on this machine"));
  CHECK(has(refusal({nightly, {"target", "local"}, {"backup-to", "claim"}}).message(), "only a cluster has some"));
}

TEST_CASE("a preset's schedule for trimming holds where it can") {
  const Given preset{"trim-schedule", "@hourly", "preset raibid:9", Source::preset};
  CHECK(redis_settings_of({preset}).trim_schedule == "@hourly");
  CHECK(redis_settings_of({preset, {"target", "local"}}).trim_schedule.empty());
  CHECK(redis_settings_of({preset, {"chart", "bitnami"}}).trim_schedule.empty());
  CHECK(redis_settings_of({preset, {"max-length", "0"}}).trim_schedule.empty());
}

namespace {

using From = TlsChoice::From;

TlsChoice tls_of(const std::vector<Given>& given) { return redis_settings_of(given).tls; }

Given recorded(const char* option, const char* value, Source from = Source::flag) {
  return {option, value, "recorded", from == Source::flag ? Source::environment : Source::file};
}

}  // namespace

TEST_CASE("TLS: off by itself; from us, from a Secret, from an issuer") {
  CHECK_FALSE(tls_of({}).enabled());
  CHECK(tls_of({{"tls", "true"}}).from == From::own);
  const TlsChoice secret = tls_of({{"tls-secret", "redis-cert"}, {"tls", "true"}, {"tls-client-certs", "true"}});
  CHECK(secret.from == From::secret);
  CHECK(secret.secret == "redis-cert");
  CHECK(secret.client_certificates);
  CHECK(describe(secret) == "on (certificate of redis-cert), client certificates required");
  const TlsChoice issuer = tls_of({{"tls-issuer", "ClusterIssuer/my-ca"}, {"tls-migrate", "true"}});
  CHECK(issuer.from == From::issuer);
  CHECK(issuer.issuer_kind == "ClusterIssuer");
  CHECK(issuer.issuer == "my-ca");
  CHECK(issuer.migrate);
  CHECK(tls_of({{"tls-issuer", "my-ca"}}).issuer_kind == "Issuer");
  CHECK(tls_of({{"tls-client-certs", "true"}}).from == From::own);
  const TlsChoice local = tls_of({{"target", "local"}, {"tls-secret", "/etc/x/../certs"}});
  CHECK(local.secret == "/etc/certs");
}

TEST_CASE("TLS: what contradicts is a usage error that names both") {
  const Error both = refusal({{"tls-secret", "a"}, {"tls-issuer", "b"}});
  CHECK(has(both.message(), "--tls-secret and --tls-issuer contradict each other"));
  CHECK(has(refusal({{"tls-secret", "a"}, {"tls", "false"}}).message(), "--tls-secret and --tls contradict"));
  CHECK(has(refusal({{"tls-client-certs", "true"}, {"tls", "false"}}).message(), "needs TLS, which is off"));
  CHECK(has(refusal({{"tls-migrate", "true"}, {"tls", "false"}}).message(), "--tls-migrate needs TLS"));
  CHECK(has(refusal({{"tls-secret", "Not a name"}}).message(), "is not a name of a Secret"));
  CHECK(has(refusal({{"tls-issuer", "Deployment/x"}}).message(), "names no issuer"));
  CHECK(has(refusal({{"tls-issuer", "x", "RAIBID_TLS_ISSUER", Source::environment}, {"target", "local"}}).message(),
            "cert-manager issues certificates in a cluster"));
  for (const char* chart : {"bitnami", "oci://x/redis"}) {
    const Error error = refusal({{"chart", chart}, {"tls", "true"}});
    CHECK(has(error.message(), "--tls: only the embedded chart"));
    CHECK(has(error.message(), "tls.* values"));
  }
  // of a preset it holds where it can
  CHECK_FALSE(tls_of({{"chart", "bitnami"}, {"tls", "true", "preset x:3", Source::preset}}).enabled());
}

TEST_CASE("TLS: what was asked for last and most strongly holds, and ends what was recorded") {
  CHECK_FALSE(tls_of({recorded("tls-secret", "a"), {"tls", "false"}}).enabled());
  CHECK(tls_of({recorded("tls-secret", "a"), {"tls", "true"}}).from == From::own);
  CHECK(tls_of({recorded("tls", "true"), {"tls-secret", "a"}}).from == From::secret);
  CHECK(tls_of({recorded("tls", "false", Source::file), recorded("tls-secret", "a")}).from == From::secret);
  const RedisSettings off =
      redis_settings_of({recorded("tls", "true"), recorded("tls-client-certs", "true"), {"tls", "false"}});
  CHECK_FALSE(off.tls.client_certificates);
  CHECK(off.chosen.count("tls-client-certs") == 0);
  const RedisSettings own = redis_settings_of({recorded("tls-secret", "a"), {"tls", "true"}});
  CHECK(own.chosen.count("tls-secret") == 0);
  CHECK(own.chosen.at("tls").values == std::vector<std::string>{"true"});
  CHECK(redis_settings_of({{"tls", "true"}, {"tls-secret", "a"}}).chosen.count("tls") == 0);
}

TEST_CASE("TLS: a preset's redis.conf does not say it") {
  Preset preset = job_queue_preset();
  for (const char* name : {"tls-port", "tls-key-file", "tls-auth-clients", "tls-protocols"}) {
    preset.redis = {{name, "x"}};
    CHECK(has(refusal({}, preset).message(), "raibid-cli sets this directive itself"));
  }
}
