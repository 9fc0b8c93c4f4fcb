#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <set>

#include "components/redis/place/kubernetes/examine_objects.hpp"
#include "components/redis/place/kubernetes/release_reader.hpp"
#include "components/redis/place/status_facts.hpp"
#include "fakes/fake_runner.hpp"

namespace raibid::examine_objects_test {

using nlohmann::json;

namespace {

json pod(const std::string& phase, bool ready, const json& containers) {
  const json condition = {{"type", "Ready"}, {"status", ready ? "True" : "False"}};
  return {{"metadata", {{"name", "redis-0"}}},
          {"status", {{"phase", phase}, {"conditions", {condition}}, {"containerStatuses", containers}}}};
}

constexpr const char* deleted_at = "2026-01-31T12:00:00Z";

struct Look {
  FakeRunner runner;
  Kubectl kubectl{runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps"};
  HealthReport report;
};

Check check_of(const json* pod) {
  FakeRunner runner;
  const Kubectl kubectl(runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
  HealthReport report;
  std::optional<Release::Pod> read;
  if (pod) read = read_pod(*pod, kubectl);
  examine_pod(read ? &*read : nullptr, "redis-0", kubectl, report);
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

TEST_CASE("status says why a pod does not run") {
  json unplaced = pod("Pending", false, json::array());
  // as Kubernetes 1.34 said it when its only node was tainted
  const std::string scheduler =
      "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to deallocate";
  unplaced["status"]["conditions"].push_back(
      {{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}, {"message", scheduler}});
  CHECK(check_of(&unplaced).text == "redis-0 Pending, not Ready, 0 restarts: " + scheduler);

  const json waiting = {{"reason", "ImagePullBackOff"}, {"message", "Back-off pulling image \"redis:none\""}};
  const json pulling =
      pod("Pending", false,
          {{{"name", "redis"}, {"ready", false}, {"restartCount", 0}, {"state", {{"waiting", waiting}}}}});
  CHECK(check_of(&pulling).text ==
        "redis-0 Pending, not Ready, 0 restarts: container redis: ImagePullBackOff: Back-off pulling image "
        "\"redis:none\"");

  const json starting = {{"reason", "ContainerCreating"}};
  const json young =
      pod("Pending", false,
          {{{"name", "redis"}, {"ready", false}, {"restartCount", 0}, {"state", {{"waiting", starting}}}}});
  CHECK(check_of(&young).text == "redis-0 Pending, not Ready, 0 restarts");
}

TEST_CASE("an exporter that fails is a check of its own, and not the pod's") {
  json failing =
      pod("Running", false,
          {{{"name", "redis"}, {"ready", true}, {"restartCount", 0}, {"state", {{"running", json::object()}}}},
           {{"name", "metrics"},
            {"ready", false},
            {"restartCount", 4},
            {"state", {{"waiting", {{"reason", "CrashLoopBackOff"}}}}},
            {"lastState", {{"terminated", {{"exitCode", 3}, {"reason", "Error"}}}}}}});
  failing["status"]["conditions"].push_back({{"type", "Initialized"}, {"status", "True"}});
  Look look;
  const Release::Pod without_exporter = read_pod(failing, look.kubectl);
  examine_pod(&without_exporter, "redis-0", look.kubectl, look.report);
  REQUIRE(look.report.checks().size() == 2);
  CHECK(look.report.checks()[0].passed);
  CHECK(look.report.checks()[0].text.starts_with("redis-0 ready except for its exporter, 4 restarts"));
  CHECK_FALSE(look.report.checks()[1].passed);
  CHECK(look.report.checks()[1].name == "exporter");
  CHECK(look.report.checks()[1].text.find("container metrics of pod redis-0 ends with exit code 3") !=
        std::string::npos);

  json redis_too = failing;
  redis_too["status"]["containerStatuses"][0]["ready"] = false;
  Look other;
  const Release::Pod broken = read_pod(redis_too, other.kubectl);
  examine_pod(&broken, "redis-0", other.kubectl, other.report);
  CHECK(other.report.checks().size() == 1);
  CHECK_FALSE(other.report.checks()[0].passed);
}

TEST_CASE("a pod whose node does not answer is told by its node, and not by its exporter") {
  // as Kubernetes 1.34 had it 50 seconds after a node of the test cluster was killed
  json lost =
      pod("Running", false,
          {{{"name", "redis"}, {"ready", true}, {"restartCount", 0}, {"state", {{"running", json::object()}}}},
           {{"name", "metrics"}, {"ready", true}, {"restartCount", 0}, {"state", {{"running", json::object()}}}}});
  lost["spec"]["nodeName"] = "node3";
  lost["status"]["conditions"].push_back({{"type", "Initialized"}, {"status", "True"}});
  lost["status"]["conditions"].push_back({{"type", "ContainersReady"}, {"status", "True"}});
  Look look;
  const Release::Pod seen = read_pod(lost, look.kubectl);
  examine_pod(&seen, "redis-0", look.kubectl, look.report);
  REQUIRE(look.report.checks().size() == 1);
  CHECK_FALSE(look.report.checks()[0].passed);
  CHECK(look.report.checks()[0].text == "redis-0 Running, not Ready, 0 restarts: its node node3 does not answer");
  CHECK(look.report.checks()[0].hint == "kubectl --context dev -n apps describe node node3");

  json gated = lost;  // not the node: a readiness gate of the pod is not there yet
  gated["spec"]["readinessGates"] = {{{"conditionType", "example.org/let-in"}}};
  CHECK_FALSE(read_pod(gated, look.kubectl).node_is_silent);
}

TEST_CASE("status tells how a container ended last") {
  const json ended = {{"reason", "OOMKilled"}, {"exitCode", 137}, {"finishedAt", "2026-01-31T12:00:00Z"}};
  const json restarted =
      pod("Running", true,
          {{{"name", "redis"}, {"ready", true}, {"restartCount", 2}, {"lastState", {{"terminated", ended}}}}});
  CHECK(check_of(&restarted).text ==
        "redis-0 Ready, 2 restarts (last: OOMKilled of redis, exit code 137, 2026-01-31T12:00:00Z)");
}

TEST_CASE("status fails a claim that is being deleted, and says how to keep its data") {
  json claim = {{"kind", "PersistentVolumeClaim"},
                {"metadata", {{"name", "redis-data-jobs-redis-master-0"}, {"namespace", "apps"}}},
                {"spec", {{"volumeName", "pvc-42"}, {"storageClassName", "local-path"}}},
                {"status", {{"phase", "Bound"}, {"capacity", {{"storage", "8Gi"}}}}}};
  Look before;
  const Release::Claim bound = read_claim(claim);
  examine_claim(&bound, bound.name, "jobs", true, before.kubectl, before.report);
  CHECK(before.report.checks().at(0).passed);

  claim["metadata"]["deletionTimestamp"] = deleted_at;
  claim["metadata"]["finalizers"] = {"kubernetes.io/pvc-protection"};
  Look look;
  const Release::Claim leaving = read_claim(claim);
  examine_claim(&leaving, leaving.name, "jobs", true, look.kubectl, look.report);
  const Check& check = look.report.checks().at(0);
  CHECK_FALSE(check.passed);
  CHECK(check.text ==
        "redis-data-jobs-redis-master-0 Bound, 8Gi, local-path; it has been terminating since 2026-01-31T12:00:00Z, "
        "held by "
        "kubernetes.io/pvc-protection: the next restart of Redis loses the data");
  for (const char* part :
       {"kubectl --context dev -n apps patch persistentvolume pvc-42 -p "
        "'{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'",
        "raibid-cli connect redis --context dev -n apps --release jobs --admin -- redis-cli --rdb redis-data.rdb",
        "kubectl --context dev -n apps exec jobs-redis-master-0 -c redis -- tar cf - -C /data . > redis-data.tar",
        "raibid-cli teardown redis --context dev -n apps --release jobs --delete-data"}) {
    INFO(check.hint);
    CHECK(check.hint.find(part) != std::string::npos);
  }
}

namespace {

std::vector<std::string> being_deleted(const Release& found) {
  StatusFacts facts;
  facts.where = StatusFacts::OnCluster{"dev", "https://10.0.0.5:6443", found, {}};
  return status_data(facts)["being_deleted"].get<std::vector<std::string>>();
}

}  // namespace

TEST_CASE("status names every object of the release that is being deleted") {
  Release found{.id = {"jobs", "apps"}};
  Look fine;
  const auto take = [&](const json& document) { take_object(found, document, fine.kubectl); };
  const auto object = [](const char* kind, const char* name, bool deleted) {
    json document = {{"kind", kind}, {"metadata", {{"name", name}, {"namespace", "apps"}}}};
    if (deleted) document["metadata"]["deletionTimestamp"] = deleted_at;
    if (deleted) document["metadata"]["finalizers"] = {"example.com/backup"};
    return document;
  };
  json claim = object("PersistentVolumeClaim", "redis-data-jobs-redis-master-0", false);
  claim["spec"] = {{"volumeName", "pvc-42"}};
  take(claim);
  take(object("PersistentVolume", "pvc-41", true));  // another claim's
  examine_deletions(found, fine.kubectl, fine.report);
  CHECK(fine.report.checks().empty());
  CHECK(being_deleted(found).empty());

  take(object("Secret", "jobs-redis", true));
  take(object("Service", "redis", true));
  take(object("Namespace", "apps", true));
  take(object("PersistentVolume", "pvc-42", true));
  take(object("StatefulSet", "jobs-redis-master", true));  // its own line says so
  Look look;
  examine_deletions(found, look.kubectl, look.report);
  std::set<std::string> names;
  for (const Check& check : look.report.checks()) {
    names.insert(check.name);
    CHECK_FALSE(check.passed);
    CHECK(check.text.find("has been terminating since 2026-01-31T12:00:00Z, held by example.com/backup") !=
          std::string::npos);
  }
  CHECK(names == std::set<std::string>{"secret", "service", "namespace", "volume"});
  CHECK(being_deleted(found) == std::vector<std::string>{"namespace/apps", "persistentvolume/pvc-42",
                                                         "secret/jobs-redis", "service/redis",
                                                         "statefulset/jobs-redis-master"});
}

namespace {

Check trimming(const json& status, const json& spec = json::object()) {
  json cronjob = {
      {"metadata", {{"name", "raibid-redis-trim"}}}, {"spec", {{"schedule", "@hourly"}}}, {"status", status}};
  cronjob["spec"].update(spec);
  Look look;
  examine_trimming(read_trimming(cronjob), look.kubectl, look.report);
  return look.report.checks().at(0);
}

}  // namespace

namespace {

json backup_cron_job() {
  return {{"kind", "CronJob"},
          {"metadata",
           {{"name", "raibid-redis-backup"},
            {"creationTimestamp", "2026-01-01T00:00:00Z"},
            {"annotations", {{"raibid-cli/backup-to", "claim:raibid-redis-backup"}}}}},
          {"spec", {{"schedule", "0 3 * * *"}, {"suspend", false}}},
          {"status", {{"lastScheduleTime", "2026-01-31T03:00:00Z"}, {"lastSuccessfulTime", "2026-01-31T03:00:20Z"}}}};
}

json backup_pod(const char* made, const char* phase, int code, const std::string& message) {
  const json container = {{"name", "backup"}, {"state", {{"terminated", {{"exitCode", code}, {"message", message}}}}}};
  return {{"metadata", {{"creationTimestamp", made}}},
          {"status", {{"phase", phase}, {"containerStatuses", json::array({container})}}}};
}

Check backup_check(const json& cron_job, const json& pods, const char* now) {
  Look look;
  std::optional<Release::Backups> backups = read_backups(cron_job);
  take_backup_pods(*backups, pods);
  examine_backups(backups, look.kubectl, *parse_rfc3339(now), look.report);
  return look.report.checks().at(0);
}

}  // namespace

TEST_CASE("status tells when the last backup was taken, how large it is, and fails when that failed or is long ago") {
  const json written = backup_pod(
      "2026-01-31T03:00:01Z", "Succeeded", 0,
      R"({"file": "raibid-redis-20260131T030001Z.rdb", "bytes": 2097152, "taken": "2026-01-31T03:00:05Z", "verified": true})");
  const Check good = backup_check(backup_cron_job(), json::array({written}), "2026-01-31T06:10:00Z");
  CHECK(good.passed);
  CHECK(good.text ==
        "last success 2026-01-31T03:00:20Z, 3 h ago, 2.0 MiB, verified, to claim:raibid-redis-backup (0 3 * * *)");
  // the pod of that run may be gone
  CHECK(backup_check(backup_cron_job(), json::array(), "2026-02-01T23:00:00Z").passed);
  const Check old = backup_check(backup_cron_job(), json::array(), "2026-02-02T04:00:00Z");
  CHECK_FALSE(old.passed);
  CHECK(old.text.find("older than two periods of 0 3 * * *") != std::string::npos);
  CHECK(old.hint.find("create job --from=cronjob/raibid-redis-backup") != std::string::npos);

  const json failed =
      backup_pod("2026-01-31T04:00:01Z", "Failed", 1, "a line\nthe copy was not made: No space left on device\n");
  const Check bad = backup_check(backup_cron_job(), json::array({written, failed}), "2026-01-31T06:10:00Z");
  CHECK_FALSE(bad.passed);
  CHECK(bad.text.find("failed: the copy was not made: No space left on device; last success") != std::string::npos);
  const json earlier = backup_pod("2026-01-31T02:00:01Z", "Failed", 1, "away");
  CHECK(backup_check(backup_cron_job(), json::array({earlier, written}), "2026-01-31T06:10:00Z").passed);

  json suspended = backup_cron_job();
  suspended["spec"]["suspend"] = true;
  CHECK(backup_check(suspended, json::array(), "2026-01-31T06:10:00Z")
            .text.starts_with("CronJob raibid-redis-backup is suspended"));
  json fresh = backup_cron_job();
  fresh.erase("status");
  CHECK(backup_check(fresh, json::array(), "2026-01-01T10:00:00Z").passed);
  CHECK_FALSE(backup_check(fresh, json::array(), "2026-01-04T10:00:00Z").passed);
  Look none;
  examine_backups(std::nullopt, none.kubectl, *parse_rfc3339("2026-01-04T10:00:00Z"), none.report);
  CHECK(none.report.checks().empty());
}

TEST_CASE("status tells when the streams were trimmed last, and fails when that failed") {
  const std::string early = "2026-01-31T12:00:00Z";
  const std::string late = "2026-01-31T12:10:00Z";
  CHECK(trimming(json::object()).text == "no run yet (@hourly)");
  CHECK(trimming({{"lastScheduleTime", early}, {"lastSuccessfulTime", late}}).text ==
        "last success 2026-01-31T12:10:00Z (@hourly)");
  CHECK(trimming({{"lastScheduleTime", early}, {"lastSuccessfulTime", late}}).passed);
  const json active = {{"lastScheduleTime", late}, {"active", {{{"name", "trim-1"}}}}};
  CHECK(trimming(active).passed);
  const Check failed = trimming({{"lastScheduleTime", late}, {"lastSuccessfulTime", early}});
  CHECK_FALSE(failed.passed);
  CHECK(failed.text == "the run of 2026-01-31T12:10:00Z failed; last success 2026-01-31T12:00:00Z");
  CHECK(failed.hint.find("app.kubernetes.io/component=trim") != std::string::npos);
  CHECK(trimming({{"lastScheduleTime", late}}).text ==
        "the run of 2026-01-31T12:10:00Z failed; none has succeeded yet");
  CHECK_FALSE(trimming({{"lastSuccessfulTime", late}}, {{"suspend", true}}).passed);
  Look without;
  examine_trimming(std::nullopt, without.kubectl, without.report);
  CHECK(without.report.checks().empty());
}

TEST_CASE("replicas that another chart has made are read by their labels, and are no nodes of ours") {
  Look look;
  Release release{.id = {"jobs", "apps"}};
  const auto object = [](const char* kind, const std::string& name, const char* component) {
    return json{{"kind", kind},
                {"metadata",
                 {{"name", name},
                  {"namespace", "apps"},
                  {"labels",
                   {{"app.kubernetes.io/name", "redis"},
                    {"app.kubernetes.io/instance", "jobs"},
                    {"app.kubernetes.io/component", component}}}}},
                {"spec", {{"replicas", 2}}},
                {"status", {{"readyReplicas", 1}, {"phase", "Running"}}}};
  };
  take_object(release, object("StatefulSet", "jobs-redis-master", "master"), look.kubectl);
  take_object(release, object("Pod", "jobs-redis-master-0", "master"), look.kubectl);
  for (const char* const name : {"jobs-redis-replicas-0", "jobs-redis-replicas-1"}) {
    take_object(release, object("Pod", name, "replica"), look.kubectl);
    take_object(release, object("PersistentVolumeClaim", "redis-data-" + std::string(name), "replica"), look.kubectl);
  }
  take_object(release, object("StatefulSet", "jobs-redis-replicas", "replica"), look.kubectl);
  json of_another = object("Pod", "other-redis-replicas-0", "replica");
  of_another["metadata"]["labels"]["app.kubernetes.io/instance"] = "other";
  take_object(release, of_another, look.kubectl);
  CHECK(release.pods.size() == 1);
  CHECK(release.claims.empty());
  CHECK(release.nodes() == 1);
  CHECK(release.followers.workload == "jobs-redis-replicas");
  CHECK(release.followers.wanted == 2);
  CHECK(release.followers.ready == 1);
  REQUIRE(release.followers.pods.size() == 2);
  CHECK(release.followers.pods[1].name == "jobs-redis-replicas-1");
  REQUIRE(release.followers.claims.size() == 2);
  CHECK(release.followers.claims[0].name == "redis-data-jobs-redis-replicas-0");
}

}  // namespace raibid::examine_objects_test
