#include "components/redis/settings/monitoring.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

#include "support/redis_settings.hpp"
#include "support/thrown.hpp"

namespace raibid::monitoring_test {

using namespace raibid::test;
using nlohmann::json;

Preset asynq_preset() {
  Preset preset = job_queue_preset();
  preset.streams.clear();
  preset.smoke = {{"asynq-queue", {{"queues", "critical=6,low=1"}}}};
  return preset;
}

std::vector<std::string> alerts_of(const std::vector<Given>& given, const Preset& preset = job_queue_preset()) {
  return alert_names(redis_settings_of(given, preset));
}

bool has_alert(const std::vector<std::string>& names, const char* name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST_CASE("monitoring: every rule looks at this release alone, and begins with a command for it") {
  const auto rules = alert_rules(redis_settings_of({{"namespace", "jobs"}, {"release", "r1-redis"}}));
  for (const auto& rule : rules["groups"][0]["rules"]) {
    const std::string expression = rule["expr"], command = rule["annotations"]["command"];
    CAPTURE(expression);
    for (std::size_t at = expression.find('{'); at != std::string::npos; at = expression.find('{', at + 1))
      CHECK(expression.substr(at + 1, 16) == "namespace=\"jobs\"");
    CHECK(has(command, "raibid-cli "));
    CHECK(has(command, "-n jobs --release r1-redis"));
  }
}

TEST_CASE("monitoring: the rules are those of what Redis holds") {
  CHECK(has_alert(alerts_of({}), "RedisAofFailing"));
  CHECK(has_alert(alerts_of({}), "RedisClaimFilling"));
  CHECK(has_alert(alerts_of({}), "RedisStreamAboveLimit"));
  CHECK_FALSE(has_alert(alerts_of({{"no-persistence", "true"}}), "RedisClaimFilling"));
  CHECK_FALSE(has_alert(alerts_of({{"no-persistence", "true"}}), "RedisAofFailing"));
  CHECK_FALSE(has_alert(alerts_of({{"max-length", "0"}}), "RedisStreamAboveLimit"));
  const auto asynq = alerts_of({}, asynq_preset());
  CHECK(std::count(asynq.begin(), asynq.end(), "RedisQueueStalled") == 2);
  CHECK_FALSE(has_alert(asynq, "RedisConsumerStuck"));
}

TEST_CASE("monitoring: several nodes, certificates and backups have rules of their own, and only where they are") {
  const auto ha = alerts_of({{"ha", "true"}});
  for (const char* const name : {"RedisNodeMissing", "RedisNoMaster", "RedisTwoMasters", "RedisReplicaDown",
                                 "RedisReplicaBehind", "RedisFailedOver", "RedisSentinelDown"}) {
    CAPTURE(name);
    CHECK(has_alert(ha, name));
    CHECK_FALSE(has_alert(alerts_of({}), name));
  }
  CHECK(has_alert(alerts_of({{"tls", "true"}}), "RedisCertificateEnds"));
  CHECK_FALSE(has_alert(alerts_of({}), "RedisCertificateEnds"));
  CHECK(has_alert(alerts_of({{"backup-schedule", "@daily"}}), "RedisBackupOld"));
  CHECK_FALSE(has_alert(alerts_of({}), "RedisBackupOld"));
  const auto rules = alert_rules(redis_settings_of({{"backup-schedule", "*/30 * * * *"}}))["groups"][0]["rules"];
  const auto old =
      std::find_if(rules.begin(), rules.end(), [](const auto& rule) { return rule["alert"] == "RedisBackupOld"; });
  REQUIRE(old != rules.end());
  CHECK(has((*old)["expr"], "> 3600"));
}

TEST_CASE("monitoring: the exporter measures dead letters and what Asynq's queues consist of") {
  CHECK(measured_keys(redis_settings_of({})) == std::vector<std::string>{"raibid:jobs:dead"});
  const auto keys = measured_keys(redis_settings_of({}, asynq_preset()));
  CHECK(keys.size() == 10);
  CHECK(keys.front() == "asynq:{critical}:pending");
}

TEST_CASE("monitoring: turns the exporter on, contradicts --no-metrics, and needs a cluster") {
  const RedisSettings on =
      redis_settings_of({{"no-metrics", "true", "preset mine:3", Source::preset}, {"monitoring", "true"}});
  CHECK(on.metrics);
  CHECK(on.monitoring);
  const Error both = error_of([] { redis_settings_of({{"no-metrics", "true"}, {"monitoring", "true"}}); });
  CHECK(has(both.message(), "--monitoring and --no-metrics contradict each other"));
  const Error local = error_of([] { redis_settings_of({{"target", "local"}, {"monitoring", "true"}}); });
  CHECK(has(local.message(), "needs an exporter"));
  CHECK_FALSE(
      redis_settings_of({{"target", "local"}, {"monitoring", "true", "preset mine:4", Source::preset}}).monitoring);
}

}  // namespace raibid::monitoring_test
