#include "components/kubernetes/rollout.hpp"
#include "fakes/recorded_cluster.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

using namespace raibid;
using std::chrono::milliseconds;
using State = Verdict::State;

namespace {

constexpr long long a_second = 1000;
constexpr long long half_a_minute = 30000;
constexpr long long whole_replay = 110000;

/// What has to come of a recording. `shown` is when the cluster has shown enough, in milliseconds since its first
/// document: the second failure, or the first sight and half a minute.
struct Row {
  std::string recording;
  State state;
  std::string reason;
  long long shown;
  std::vector<std::string> text;
  std::vector<std::string> hint;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"healthy", State::ready, "ready", 319, {"app-master-0"}, {}},
      {"healthy-claim", State::ready, "ready", 2201, {"app-master-0"}, {}},
      {"exporter-crash", State::ready, "ready", 1278, {"app-master-0"}, {}},
      {"pod-deleted", State::ready, "ready", 1141, {"app-master-0"}, {}},

      {"invalid-image-name",
       State::doomed,
       "invalid-image-name",
       197,
       {"redis", "Redis:7", "must be lowercase"},
       {"--image"}},
      {"exporter-image", State::doomed, "invalid-image-name", 506, {"metrics", "Exporter:1"}, {"--exporter-image"}},
      {"scaled-to-zero",
       State::doomed,
       "scaled-to-zero",
       3965 + 2000,
       {"StatefulSet app-master is scaled to zero"},
       {"scale statefulset app-master --replicas=1"}},
      {"workload-gone",
       State::doomed,
       "workload-gone",
       4036 + 2000 + half_a_minute,
       {"StatefulSet app-master is missing"},
       {"get statefulsets"}},
      {"volume-locked",
       State::doomed,
       "volume-locked",
       // since Redis runs and is not ready: until its words are read, and then what such a lock is given
       1128 + 4000 + 90000,
       {"container redis of pod app-master-0 waits: another server still has the data open", "for 90 s now"},
       {"get pods --all-namespaces"}},
      {"image-never",
       State::doomed,
       "image-never",
       309,
       {"redis:absent", "node1", "Never"},
       {"--set image.pullPolicy"}},
      {"container-config-secret",
       State::doomed,
       "missing-secret",
       420,
       {"container redis", "Secret absent"},
       {"get secrets"}},
      {"container-config-root",
       State::doomed,
       "container-config",
       456,
       {"runAsNonRoot and image will run as root"},
       {"describe pod app-master-0"}},
      {"missing-secret", State::doomed, "missing-secret", 122, {"volume acl", "Secret absent"}, {"get secrets"}},
      {"missing-secret-key",
       State::doomed,
       "missing-secret",
       306,
       {"key users.acl", "Secret present"},
       {"describe secret present"}},
      {"missing-configmap",
       State::doomed,
       "missing-configmap",
       264,
       {"volume conf", "ConfigMap absent"},
       {"get configmaps"}},
      {"quota",
       State::doomed,
       "quota",
       0,
       {"ResourceQuota small", "pod app-master-0", "asked requests.memory=256Mi", "allowed requests.memory=128Mi"},
       {"--memory-request", "describe resourcequota small"}},
      {"quota-unset",
       State::doomed,
       "quota",
       0,
       {"ResourceQuota strict", "must specify limits.memory for: redis"},
       {"--memory-limit"}},
      {"quota-claim",
       State::doomed,
       "quota",
       0,
       {"ResourceQuota disk", "claim data-app-master-0", "asked requests.storage=8Gi"},
       {"--size"}},
      {"limit-range",
       State::doomed,
       "limit-range",
       0,
       {"pod app-master-0", "is 100Mi, but limit is 512Mi"},
       {"--memory-limit", "describe limitrange"}},
      {"pod-security",
       State::doomed,
       "pod-security",
       0,
       {"namespace apps", "restricted:latest", "privileged"},
       {"label namespace apps"}},
      {"admission-policy",
       State::doomed,
       "admission",
       0,
       {"'rollout-admission-policy'", "every pod needs a label team"},
       {"describe statefulset"}},
      {"priority-class",
       State::doomed,
       "admission",
       0,
       {"no PriorityClass with name absent"},
       {"describe statefulset"}},
      {"runtime-class", State::doomed, "admission", 0, {"RuntimeClass \"absent\" not found"}, {"describe statefulset"}},
      {"storage-class-missing",
       State::doomed,
       "storage-class",
       0,
       {"claim data-app-master-0", "no StorageClass absent"},
       {"--storage-class"}},
      {"storage-class-none",
       State::doomed,
       "storage-class",
       0,
       {"claim data-app-master-0", "no storage class is set"},
       {"get storageclasses"}},

      {"image-not-found",
       State::doomed,
       "image-not-found",
       15230,
       {"localhost:25001/nothing/redis:7.9", "does not exist"},
       {"--image REPOSITORY:TAG"}},
      {"image-login",
       State::doomed,
       "image-login",
       11486,
       {"localhost:25001/private/redis:7.2", "requires a login", "401 Unauthorized"},
       {"create secret docker-registry", "--docker-server=localhost:25001", "imagePullSecrets"}},
      {"registry-refused",
       State::doomed,
       "registry-unreachable",
       11184,
       {"node1 cannot reach", "localhost:25999", "connection refused"},
       {"--image"}},
      {"registry-unknown-host",
       State::doomed,
       "registry-unreachable",
       33850,
       {"registry.invalid", "lookup registry.invalid"},
       {"DNS"}},
      {"crash-exit",
       State::doomed,
       "crash",
       1721,
       {"container redis", "exit code 1, twice so far", "| argument must be a memory value"},
       {"logs app-master-0"}},
      {"crash-command",
       State::doomed,
       "container-start",
       869,
       {"image redis:7-alpine", "\"valkey-server\": executable file not found"},
       {"--image"}},
      {"crash-liveness",
       State::doomed,
       "crash",
       5300,
       {"liveness probe failed: no answer", "exit code 0", "twice so far"},
       {"logs app-master-0"}},
      {"init-crash", State::doomed, "crash", 1736, {"container prepare", "exit code 3"}, {"-c prepare"}},
      {"oom-killed",
       State::doomed,
       "oom-killed",
       3188,
       {"limit of 32Mi", "OOMKilled", "twice so far", "| filling"},
       {"--memory-limit"}},
      {"pod-refused",
       State::doomed,
       "pod-failed",
       44,
       {"twice", "SysctlForbidden", "net.core.somaxconn"},
       {"describe pod"}},

      {"service-account",
       State::doomed,
       "service-account",
       half_a_minute,
       {"ServiceAccount absent"},
       {"create serviceaccount absent"}},
      {"webhook-silent",
       State::doomed,
       "webhook",
       half_a_minute,
       {"guard.example.com", "connection refused", "for 30 s now"},
       {"validatingwebhook"}},
      {"unschedulable-cpu",
       State::doomed,
       "unschedulable",
       half_a_minute + 105,
       {"Insufficient cpu", "asks for 64 cpu", "node1 has 2 cpu"},
       {"--cpu-request"}},
      {"unschedulable-memory",
       State::doomed,
       "unschedulable",
       half_a_minute + 20,
       {"Insufficient memory", "4.0 TiB", "node1 has 23 GiB"},
       {"describe nodes"}},
      {"unschedulable-selector",
       State::doomed,
       "unschedulable",
       half_a_minute + 2,
       {"didn't match", "{\"disk\":\"nvme\"}"},
       {"--show-labels"}},
      {"unschedulable-taint",
       State::doomed,
       "unschedulable",
       half_a_minute + 3,
       {"untolerated taint", "dedicated=gpu:NoSchedule"},
       {"taint nodes rollout-unschedulable-taint dedicated-"}},
      {"provisioner-missing",
       State::doomed,
       "provisioner",
       half_a_minute + 28,
       {"example.com/nobody", "claim data-app-master-0 (8Gi, StorageClass rollout-"},
       {"--storage-class"}},
      {"provisioner-missing-immediate",
       State::doomed,
       "provisioner",
       half_a_minute + 2,
       {"example.com/nobody"},
       {"--storage-class"}},
      {"node-not-ready",
       State::doomed,
       "node-not-ready",
       half_a_minute + 25,
       {"rollout-node-not-ready is not Ready", "PLEG is not healthy"},
       {"describe node"}},
      {"node-silent",
       State::doomed,
       "node-not-ready",
       half_a_minute + 2000,
       {"rollout-node-silent", "stopped posting node status"},
       {"systemctl status k3s"}},

      {"not-ready",
       State::waiting,
       "not-ready",
       1511,
       {"runs and is not ready", "\"LOADING Redis is loading the dataset in memory\""},
       {"logs app-master-0"}},
      {"scheduling-gate", State::waiting, "scheduling-gate", 47, {"example.com/queue"}, {}},
      {"node-joins", State::waiting, "node-joins", 105, {"rollout-node-joins", "cni plugin not initialized"}, {}},
  };
  return table;
}

/// A recording, watched as a caller does.
struct Replay {
  RecordedCluster cluster;
  Kubectl kubectl{cluster, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps"};
  Rollout rollout{cluster, cluster.clock(), kubectl, "app=app", "app-master"};
  std::set<std::string> lines;  ///< all that it waited for

  explicit Replay(const std::string& name) : cluster(name) {
    rollout.set_aside("metrics");
    rollout.start();
    rollout.expect_workload();
  }

  /// Until something is decided, or everything has been shown.
  Verdict decision() {
    Verdict verdict;
    do {
      cluster.wait(rollout.processes(), cluster.now() + milliseconds(250));
      rollout.pump();
      verdict = rollout.verdict();
      lines.insert(verdict.text);
    } while (verdict.state == State::waiting && cluster.elapsed() < whole_replay);
    return verdict;
  }
};

}  // namespace

TEST_CASE("recorded failures: decided within a second of the cluster showing it, and never before") {
  for (const Row& row : rows()) {
    CAPTURE(row.recording);
    Replay replay(row.recording);
    const Verdict verdict = replay.decision();
    CAPTURE(verdict.text);
    CAPTURE(verdict.hint);
    CHECK(static_cast<int>(verdict.state) == static_cast<int>(row.state));
    CHECK(verdict.reason == row.reason);
    if (row.state != State::waiting) {
      CHECK(replay.cluster.elapsed() >= row.shown);
      CHECK(replay.cluster.elapsed() <= row.shown + a_second);
    }
    for (const std::string& part : row.text) CHECK_MESSAGE(verdict.text.find(part) != std::string::npos, part);
    for (const std::string& part : row.hint) CHECK_MESSAGE(verdict.hint.find(part) != std::string::npos, part);
    // one line that changes with what happens, and not with the clock
    CHECK(replay.lines.size() <= 9);
  }
}

TEST_CASE("every recording has its row") {
  std::set<std::string> named;
  for (const Row& row : rows()) named.insert(row.recording);
  std::set<std::string> there;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(RAIBID_SOURCE_DIR) / "tests/fixtures/rollout")) {
    if (entry.path().extension() == ".json") there.insert(entry.path().stem());
  }
  CHECK(named == there);
}

TEST_CASE("a pod that someone deletes is waited for until its successor is Ready") {
  Replay replay("pod-deleted");
  CHECK(replay.decision().state == State::ready);
  std::vector<std::string> reasons;
  while (replay.cluster.elapsed() < 8000) {
    replay.cluster.wait(replay.rollout.processes(), replay.cluster.now() + milliseconds(250));
    replay.rollout.pump();
    const std::string reason = replay.rollout.verdict().reason;
    if (reasons.empty() || reasons.back() != reason) reasons.push_back(reason);
  }
  CHECK(std::find(reasons.begin(), reasons.end(), "pod-ending") != reasons.end());
  CHECK(reasons.back() == "ready");
  CHECK(replay.rollout.running_since() > replay.cluster.now() - std::chrono::seconds(5));
}

TEST_CASE("what is requested on the nodes stands beside what they have") {
  Replay replay("unschedulable-memory");
  const auto pod = [](const char* node, const char* phase, const char* memory) {
    return nlohmann::json{
        {"spec", {{"nodeName", node}, {"containers", {{{"resources", {{"requests", {{"memory", memory}}}}}}}}}},
        {"status", {{"phase", phase}}}};
  };
  replay.cluster.recording["pods"] = {pod("node1", "Running", "20Gi"), pod("node1", "Running", "2Gi"),
                                      pod("node1", "Succeeded", "1Gi"), pod("node2", "Running", "7Gi")};
  CHECK(replay.decision().text.find("node1 has 23 GiB of memory, 22 GiB of memory of it requested by its pods") !=
        std::string::npos);
}

TEST_CASE("a container that waits for the lock on the data says so long before it is given up") {
  Replay replay("volume-locked");
  while (replay.cluster.elapsed() < 9000) {
    replay.cluster.wait(replay.rollout.processes(), replay.cluster.now() + milliseconds(250));
    replay.rollout.pump();
    replay.rollout.verdict();
  }
  CHECK(replay.rollout.verdict().reason == "volume-locked");
  CHECK(replay.rollout.verdict().state == State::waiting);
}

TEST_CASE("an exporter that fails does not decide about Redis, and what ails it is told") {
  Replay replay("exporter-crash");
  REQUIRE(replay.decision().state == State::ready);
  CHECK(replay.rollout.ready());
  CHECK(replay.rollout.waits_for_aside());
  const auto trouble = replay.rollout.aside_trouble();
  REQUIRE(trouble);
  CHECK(trouble->text.find("container metrics of pod app-master-0 ends with exit code 3") != std::string::npos);
  CHECK(trouble->hint.find("logs app-master-0 -c metrics --previous") != std::string::npos);

  Replay whole("exporter-crash");
  whole.rollout.set_aside("");
  CHECK(whole.decision().reason == "crash");
}

TEST_CASE("a healthy start asks neither for the StatefulSet nor for what Redis says") {
  for (const char* name : {"healthy", "healthy-claim"}) {
    Replay replay(name);
    REQUIRE(replay.decision().state == State::ready);
    CHECK(replay.cluster.asked("statefulset/") == 0);
    CHECK(replay.cluster.asked("logs") == 0);
    CHECK_FALSE(replay.rollout.waits_for_aside());
  }
}

TEST_CASE("a working provisioner costs no question") {
  Replay replay("healthy-claim");
  CHECK(replay.decision().state == State::ready);
  CHECK(replay.cluster.asked("get") == 2);  // the two watches
}
