#include "components/kubernetes/rollout.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/evidence.hpp"
#include "components/kubernetes/json_view.hpp"
#include "support/test_cluster.hpp"
#include "sys/files.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace raibid::cluster_rollout_test {

using namespace std::chrono_literals;
using nlohmann::json;
using State = Verdict::State;

namespace {

constexpr auto a_second = std::chrono::milliseconds(1000);

json workload(const json& change = json::object()) {
  json set = {{"apiVersion", "apps/v1"},
              {"kind", "StatefulSet"},
              {"metadata", {{"name", "app-master"}}},
              {"spec",
               {{"serviceName", "app"},
                {"replicas", 1},
                {"podManagementPolicy", "Parallel"},
                {"selector", {{"matchLabels", {{"app", "app"}}}}},
                {"template",
                 {{"metadata", {{"labels", {{"app", "app"}}}}},
                  {"spec",
                   {{"terminationGracePeriodSeconds", 1},
                    {"automountServiceAccountToken", false},
                    {"containers",
                     {{{"name", "redis"},
                       {"image", "redis:7-alpine"},
                       {"imagePullPolicy", "IfNotPresent"},
                       {"args", {"redis-server", "--save", ""}},
                       {"readinessProbe", {{"tcpSocket", {{"port", 6379}}}, {"periodSeconds", 1}}}}}}}}}}}}};
  set["spec"].merge_patch(change);
  return set;
}

/// A change of the pod's spec, or of its only container.
json pod_spec(const json& spec) { return {{"template", {{"spec", spec}}}}; }
json container(const json& change) {
  json redis = workload()["spec"]["template"]["spec"]["containers"][0];
  redis.merge_patch(change);
  return pod_spec({{"containers", {redis}}});
}

json with_secret_volume(const std::string& secret) {
  json change = container({{"volumeMounts", {{{"name", "acl"}, {"mountPath", "/acl"}}}}});
  change.merge_patch(pod_spec({{"volumes", {{{"name", "acl"}, {"secret", {{"secretName", secret}}}}}}}));
  return change;
}

/// A rollout on the real cluster, with a second pair of watches beside it that tells when kubectl showed something.
struct Scene {
  TestCluster test;
  std::vector<int> watches;  ///< pids of the rollout's own
  std::vector<std::unique_ptr<Process>> witnesses;
  std::string shown;
  std::unique_ptr<Rollout> rollout;

  explicit Scene(const std::string& name) : test(name) {
    if (test.absent) return;
    rollout = std::make_unique<Rollout>(test.Machine::runner, test.clock, *test.kubectl, "app=app", "app-master");
    test.Machine::runner.observe([this](int pid, const Command& command) {
      if (std::find(command.argv.begin(), command.argv.end(), "--output-watch-events") != command.argv.end())
        watches.push_back(pid);
    });
    rollout->start();
    test.Machine::runner.observe({});
    for (const char* kind : {"pods", "events"})
      witnesses.push_back(test.Machine::runner.start(test.kubectl->watch(kind, "")));
    turn();
  }

  Verdict turn() {
    std::vector<Process*> processes = rollout->processes();
    for (const auto& witness : witnesses) processes.push_back(witness.get());
    test.Machine::runner.wait(processes, test.clock.now() + 250ms);
    for (const auto& witness : witnesses) shown += std::exchange(witness->out(), {});
    rollout->pump();
    return rollout->verdict();
  }
  /// Until this holds; fails the test when it does not within `limit`.
  Verdict until(const std::function<bool(const Verdict&)>& holds, std::chrono::seconds limit = 60s) {
    const TimePoint end = test.in(limit);
    Verdict verdict;
    do verdict = turn();
    while (!holds(verdict) && test.clock.now() < end);
    CHECK_MESSAGE(holds(verdict), verdict.reason << ": " << verdict.text);
    return verdict;
  }
  /// The watches have said what was there, so that they say what comes.
  void settle() {
    const TimePoint end = test.in(2s);
    while (test.clock.now() < end) turn();
  }
  /// From when kubectl shows `sign` it takes less than a second to the end of the wait.
  Verdict doomed_after(const std::string& sign) {
    TimePoint first = TimePoint::max();
    const Verdict verdict = until([&](const Verdict& now) {
      if (first == TimePoint::max() && shown.find(sign) != std::string::npos) first = test.clock.now();
      return now.state == State::doomed;
    });
    CHECK(test.clock.now() <= (first == TimePoint::max() ? first : first + a_second));
    return verdict;
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Failure {
  std::string name;
  json before;  ///< must be there first
  json change;
  std::string sign, reason, text;
};

}  // namespace

TEST_CASE("real failures are told within a second of kubectl showing them") {
  const std::vector<Failure> failures = {
      {"quota",
       {{"apiVersion", "v1"},
        {"kind", "ResourceQuota"},
        {"metadata", {{"name", "small"}}},
        {"spec", {{"hard", {{"requests.memory", "64Mi"}}}}}},
       container({{"resources", {{"requests", {{"memory", "128Mi"}}}}}}),
       "exceeded quota",
       "quota",
       "ResourceQuota small has no room for pod app-master-0: asked requests.memory=128Mi"},
      {"image", nullptr, container({{"image", "Redis:7"}}), "\"reason\":\"InvalidImageName\"", "invalid-image-name",
       "Redis:7"},
      {"secret", nullptr, with_secret_volume("absent"), "secret \\\"absent\\\" not found", "missing-secret",
       "Secret absent"},
      {"class",
       nullptr,
       {{"volumeClaimTemplates",
         {{{"metadata", {{"name", "data"}}},
           {"spec",
            {{"accessModes", {"ReadWriteOnce"}},
             {"storageClassName", "absent"},
             {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}}}}},
       "storageclass.storage.k8s.io \\\"absent\\\" not found",
       "storage-class",
       "no StorageClass absent"},
      {"crash", nullptr, container({{"args", {"redis-server", "--maxmemory", "lots"}}}), "\"reason\":\"BackOff\"",
       "crash", "argument must be a memory value"},
  };
  for (const Failure& failure : failures) {
    CAPTURE(failure.name);
    Scene scene("rollout-" + failure.name);
    if (scene.test.absent) return;
    if (!failure.before.is_null()) scene.test.create(failure.before);
    scene.settle();
    scene.test.create(workload(failure.change));
    const Verdict verdict = scene.doomed_after(failure.sign);
    CHECK(verdict.reason == failure.reason);
    CHECK_MESSAGE(has(verdict.text, failure.text), verdict.text);
    CHECK(has(verdict.hint, failure.name == "image" ? "--image" : scene.test.name_space));
  }
}

TEST_CASE("a pod that becomes Ready does, though both watches are killed on its way") {
  Scene scene("rollout-killed");
  if (scene.test.absent) return;
  scene.settle();
  REQUIRE(scene.watches.size() == 2);
  for (const int pid : scene.watches) ::kill(pid, SIGKILL);
  scene.test.create(workload());
  scene.until([](const Verdict& verdict) { return verdict.state == State::ready; });
  CHECK(scene.rollout->ready());
  CHECK(scene.rollout->running_pod() == "app-master-0");
  CHECK(scene.rollout->running_since() <= scene.test.clock.now());
}

TEST_CASE("a failure after the watches were killed is told as fast") {
  Scene scene("rollout-killed-doomed");
  if (scene.test.absent) return;
  scene.settle();
  for (const int pid : scene.watches) ::kill(pid, SIGKILL);
  scene.settle();
  scene.test.create(workload(pod_spec({{"priorityClassName", "absent"}})));
  CHECK(scene.doomed_after("no PriorityClass").reason == "admission");
}

TEST_CASE("a server that is away for a while is what it waits for, and then the wait goes on") {
  Scene scene("rollout-away");
  if (scene.test.absent) return;
  // a `kubectl proxy` in between stands for the API server: it can be ended and started again
  const auto start_proxy = [&](const std::string& port) {
    return scene.test.Machine::runner.start(
        {{"kubectl", "--kubeconfig", scene.test.kubeconfig, "proxy", "--port=" + port}, {}, {}});
  };
  std::unique_ptr<Process> proxy = start_proxy("0");
  for (const TimePoint end = scene.test.in(20s); !has(proxy->out(), "\n") && scene.test.clock.now() < end;) {
    Process* const child = proxy.get();
    scene.test.Machine::runner.wait({&child, 1}, end);
  }
  const std::string said(trim(proxy->out()));
  const std::string port = said.substr(said.rfind(':') + 1);
  const TemporaryDirectory home(fs::temp_directory_path());
  const std::string server = "http://127.0.0.1:" + port;
  const json config = {{"apiVersion", "v1"},
                       {"kind", "Config"},
                       {"clusters", {{{"name", "c"}, {"cluster", {{"server", server}}}}}},
                       {"contexts", {{{"name", "c"}, {"context", {{"cluster", "c"}, {"user", ""}}}}}}};
  write_atomic(home.path() / "config", config.dump());
  const Kubectl kubectl(scene.test.Machine::runner, Cluster{home.path() / "config", "c", server, "c", ""},
                        scene.test.name_space);
  scene.rollout =
      std::make_unique<Rollout>(scene.test.Machine::runner, scene.test.clock, kubectl, "app=app", "app-master");
  scene.rollout->start();
  scene.settle();

  proxy->end();
  const Verdict away = scene.until([](const Verdict& verdict) { return verdict.reason == "api-server"; });
  CHECK(away.state == State::waiting);
  CHECK_MESSAGE(has(away.text, server), away.text);
  proxy = start_proxy(port);
  scene.test.create(workload());
  scene.until([](const Verdict& verdict) { return verdict.state == State::ready; });
}

TEST_CASE("a change of what was broken is judged by its own pods") {
  TestCluster test("rollout-change");
  if (test.absent) return;
  test.create(workload(container({{"image", "Redis:7"}})));
  const auto condition = [&] { return text_at(test.get("pod/app-master-0"), {"status", "startTime"}); };
  for (const TimePoint end = test.in(30s); condition().empty() && test.clock.now() < end;)
    test.Machine::runner.wait({}, test.clock.now() + 200ms);

  Rollout rollout(test.Machine::runner, test.clock, *test.kubectl, "app=app", "app-master");
  rollout.start();
  rollout.expect_change();
  const auto turn = [&] {
    test.Machine::runner.wait(rollout.processes(), test.clock.now() + 250ms);
    rollout.pump();
    return rollout.verdict();
  };
  for (const TimePoint end = test.in(2s); test.clock.now() < end;) CHECK(turn().reason == "change");
  test.run_checked(test.kubectl->apply(workload()));
  json set;
  const auto taken_in = [&] { return number_at(set, {"status", "observedGeneration"}) >= 2; };
  for (const TimePoint end = test.in(30s); !taken_in() && test.clock.now() < end;)
    set = test.get("statefulset/app-master");
  rollout.expect_revision(text_at(set, {"status", "updateRevision"}));
  Verdict verdict;
  for (const TimePoint end = test.in(60s); verdict.state != State::ready && test.clock.now() < end;) {
    verdict = turn();
    REQUIRE_MESSAGE(verdict.state != State::doomed, verdict.text);
  }
  CHECK_MESSAGE(rollout.ready(), verdict.text);
}

TEST_CASE("a quota that is full until the replaced pod is gone dooms nothing") {
  Scene scene("rollout-quota");
  if (scene.test.absent) return;
  scene.test.create({{"apiVersion", "v1"},
                     {"kind", "ResourceQuota"},
                     {"metadata", {{"name", "one"}}},
                     {"spec", {{"hard", {{"pods", "1"}}}}}});
  scene.settle();
  scene.test.create(workload());
  scene.until([](const Verdict& verdict) { return verdict.state == State::ready; });
  for (int i = 0; i < 3; ++i) {
    const std::string before = text_at(scene.test.get("pod/app-master-0"), {"metadata", "uid"});
    scene.test.run_checked(scene.test.kubectl->remove({"pod/app-master-0"}, 30));
    scene.until([&](const Verdict& verdict) {
      REQUIRE_MESSAGE(verdict.state != State::doomed, verdict.text);
      return verdict.state == State::ready;
    });
    CHECK(text_at(scene.test.get("pod/app-master-0"), {"metadata", "uid"}) != before);
  }
}

TEST_CASE("what is kept of a real failure") {
  Scene scene("rollout-evidence");
  if (scene.test.absent) return;
  scene.settle();
  scene.test.create(workload(container({{"args", {"redis-server", "--maxmemory", "lots"}}})));
  const Verdict verdict = scene.doomed_after("\"reason\":\"BackOff\"");
  const TemporaryDirectory home(fs::temp_directory_path());
  const fs::path folder =
      keep_evidence(Files(ChangeGuard(false)), scene.test.clock, *scene.test.kubectl, "app=app", home.path(),
                    Error(ExitCode::failure, verdict.text, verdict.hint), "", scene.test.in(20s));
  CHECK(has(read_file(folder / "error.txt").value_or(""), "argument must be a memory value"));
  CHECK(has(read_file(folder / "objects.yaml").value_or(""), "app-master-0"));
  CHECK(has(read_file(folder / "events.txt").value_or(""), "BackOff"));
  // the container's own or the one's before: which of them has died depends on the moment
  const std::string logs = read_file(folder / "app-master-0.redis.log").value_or("") +
                           read_file(folder / "app-master-0.redis.previous.log").value_or("");
  CHECK(has(logs, "argument must be a memory value"));
  CHECK_FALSE(fs::exists(folder / "values.yaml"));
}

}  // namespace raibid::cluster_rollout_test
