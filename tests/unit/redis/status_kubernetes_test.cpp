#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "components/redis/place/kubernetes/status_kubernetes.hpp"
#include "fakes/fake_runner.hpp"

using namespace raibid;
using nlohmann::json;

namespace {

json pod(const std::string& phase, bool ready, const json& containers) {
  const json condition = {{"type", "Ready"}, {"status", ready ? "True" : "False"}};
  return {{"metadata", {{"name", "redis-0"}}},
          {"status", {{"phase", phase}, {"conditions", {condition}}, {"containerStatuses", containers}}}};
}

Check check_of(const json* pod) {
  FakeRunner runner;
  const Kubectl kubectl(runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
  HealthReport report;
  examine_pod(pod, "redis-0", kubectl, report);
  return report.checks().at(0);
}

}  // namespace

TEST_CASE("status passes a pod that Kubernetes calls Ready, and no other") {
  const json running = pod("Running", true, {{{"name", "redis"}, {"ready", true}, {"restartCount", 0}}});
  CHECK(check_of(&running).passed);
  CHECK(check_of(&running).text == "redis-0 Ready, 0 restarts");

  const json unplaced = pod("Pending", false, json::array());
  CHECK_FALSE(check_of(&unplaced).passed);
  CHECK(check_of(&unplaced).text == "redis-0 Pending, not Ready, 0 restarts");

  json leaving = running;
  leaving["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z";
  CHECK_FALSE(check_of(&leaving).passed);
  CHECK(check_of(&leaving).text == "redis-0 is being deleted, 0 restarts");

  CHECK_FALSE(check_of(nullptr).passed);
  CHECK(check_of(nullptr).text == "redis-0 does not exist");
}

TEST_CASE("status tells how a container ended last") {
  const json ended = {{"reason", "OOMKilled"}, {"exitCode", 137}, {"finishedAt", "2026-01-31T12:00:00Z"}};
  const json restarted =
      pod("Running", true,
          {{{"name", "redis"}, {"ready", true}, {"restartCount", 2}, {"lastState", {{"terminated", ended}}}}});
  CHECK(check_of(&restarted).text ==
        "redis-0 Ready, 2 restarts (last: OOMKilled of redis, exit code 137, 2026-01-31T12:00:00Z)");
}
