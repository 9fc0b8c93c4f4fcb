#include <doctest/doctest.h>

#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/registry.hpp"
#include "fakes/fake_cluster.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"

#include <sstream>

/// Objects that are being deleted, that stay though a tool said that it removed them, and that are someone else's.

namespace raibid::objects_test {

using nlohmann::json;

namespace {

constexpr const char* claim_key = "persistentvolumeclaim/redis-data-raibid-redis-master-0";
constexpr const char* set_key = "statefulset/raibid-redis-master";
constexpr const char* pod_key = "pod/raibid-redis-master-0";
constexpr const char* secret_key = "secret/raibid-redis";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Machine {
  TemporaryDirectory folder{fs::temp_directory_path()};
  Signals signals;
  FakeCluster cluster{folder.path() / "state.json", signals};
  std::string err;

  int run(std::vector<std::string> arguments) {
    std::ostringstream out, errors;
    SystemRandom random;
    cluster.on_start = [&](int child) {
      if (on_start) on_start(errors.str(), child);
    };
    const CliDependencies dependencies{
        out,        errors,
        Terminal{}, {{"HOME", folder.path()}, {"RAIBID_HOME", home()}, {"TMPDIR", folder.path()}},
        cluster,    cluster.clock(),
        random,     signals,
        cluster};
    const int code = run_cli(arguments, dependencies, components());
    err = errors.str();
    return code;
  }
  int setup(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"setup", "redis", "-v"});
    return run(more);
  }
  int teardown(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"teardown", "redis", "-v", "--yes"});
    return run(more);
  }
  fs::path home() const { return folder.path() / "home"; }
  json& objects() { return cluster.state()["objects"]; }
  json& metadata(const std::string& key) { return objects()[key]["metadata"]; }
  void mark_deleted(const std::string& key) {
    metadata(key)["deletionTimestamp"] = "2026-01-31T12:00:00Z";
    metadata(key)["finalizers"] = {"example.com/hold"};
  }
  void keep_workload() { metadata(set_key)["annotations"]["helm.sh/resource-policy"] = "keep"; }

  std::function<void(const std::string& said, int child)> on_start;
};

}  // namespace

TEST_CASE("nothing restarts or builds on a Redis whose claim is being deleted") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  machine.mark_deleted(claim_key);
  const json before = machine.cluster.contents();
  const std::string pod = machine.metadata(pod_key)["uid"];
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"setup", "redis"},
                                             {"setup", "redis", "--memory-limit", "1Gi", "--restart"},
                                             {"setup", "redis", "--dry-run"},
                                             {"teardown", "redis", "--yes"},
                                             {"smoke", "redis", "--durability", "--yes"}}) {
    const int code = machine.run(arguments);
    INFO(arguments[0] << ": " << machine.err);
    CHECK(code == 3);
    CHECK(has(machine.err, "has been terminating since 2026-01-31T12:00:00Z, held by example.com/hold"));
    CHECK(has(machine.err, "redis-cli --rdb redis-data.rdb"));
    CHECK(machine.cluster.contents() == before);
    CHECK(machine.metadata(pod_key)["uid"] == pod);
  }
}

TEST_CASE("setup does not build on any other object that is being deleted") {
  for (const char* key : {secret_key, set_key, "service/raibid-redis-master", "persistentvolume/pvc-42"}) {
    Machine machine;
    REQUIRE(machine.setup() == 0);
    machine.objects()[claim_key]["spec"]["volumeName"] = "pvc-42";
    machine.objects()["persistentvolume/pvc-42"] = {{"kind", "PersistentVolume"}, {"metadata", {{"name", "pvc-42"}}}};
    REQUIRE(machine.setup() == 0);
    machine.mark_deleted(key);
    const json before = machine.cluster.contents();
    const int code = machine.setup({"--memory-limit", "1Gi", "--restart"});
    INFO(machine.err);
    CHECK(code == 3);
    CHECK(has(machine.err, std::string(key)));
    CHECK(has(machine.err, "has been terminating since"));
    CHECK(machine.cluster.contents() == before);
  }
}

TEST_CASE("a claim that is deleted while setup runs keeps helm from restarting Redis") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  const std::string pod = machine.metadata(pod_key)["uid"];
  machine.on_start = [&](const std::string& said, int) {
    if (has(said, "started: release")) machine.mark_deleted(claim_key);
  };
  const int code = machine.setup({"--memory-limit", "1Gi", "--restart"});
  INFO(machine.err);
  CHECK(code == 4);
  CHECK(machine.metadata(pod_key)["uid"] == pod);
}

TEST_CASE("a rollback does not restart a Redis whose claim is being deleted") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  std::string pod;
  machine.on_start = [&](const std::string& said, int) {
    if (!has(said, "started: redis")) return;
    if (pod.empty()) pod = machine.metadata(pod_key)["uid"];
    machine.mark_deleted(claim_key);
    machine.objects()[secret_key]["data"]["redis-password"] = "b3RoZXI=";  // Redis refuses us: setup fails
  };
  const int code = machine.setup({"--memory-limit", "1Gi", "--restart"});
  INFO(machine.err);
  CHECK(code == 5);
  CHECK(has(machine.err, "the next restart of Redis would lose its data"));
  CHECK(machine.metadata(pod_key)["uid"] == pod);
}

TEST_CASE("teardown keeps the Secret when helm leaves Redis running, and says why") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  machine.keep_workload();
  const std::string pod = machine.metadata(pod_key)["uid"];
  const int code = machine.teardown({"--delete-data"});
  INFO(machine.err);
  CHECK(code == 5);
  CHECK(has(machine.err, "StatefulSet raibid-redis-master stays"));
  CHECK(has(machine.err, "helm.sh/resource-policy"));
  CHECK(has(machine.err, "delete statefulset raibid-redis-master"));
  for (const char* key : {secret_key, claim_key, pod_key, set_key, "namespace/raibid-redis"})
    CHECK_MESSAGE(machine.objects().contains(key), key);
  CHECK(machine.metadata(pod_key)["uid"] == pod);

  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"setup", "redis"}, {"teardown", "redis", "--yes", "--delete-data"}}) {
    const int again = machine.run(arguments);
    INFO(machine.err);
    CHECK(again == 3);
    CHECK(has(machine.err, "but Helm does not know that release"));
    CHECK(has(machine.err, "delete statefulset raibid-redis-master"));
    CHECK(machine.objects().contains(secret_key));
  }

  SUBCASE("deleted by hand, as it says, setup goes on with data and password") {
    const std::string password = machine.objects()[secret_key]["data"]["redis-password"];
    machine.objects().erase(set_key);
    machine.objects().erase(pod_key);
    CHECK(machine.setup() == 0);
    CHECK(machine.objects()[secret_key]["data"]["redis-password"] == password);
  }
  SUBCASE("deleted by hand, as it says, teardown removes the rest") {
    machine.objects().erase(set_key);
    machine.objects().erase(pod_key);
    CHECK(machine.teardown({"--delete-data"}) == 0);
    CHECK_FALSE(machine.objects().contains("namespace/raibid-redis"));
  }
}

TEST_CASE("teardown keeps the Secret when kubectl leaves the claim, and says so") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  machine.on_start = [&](const std::string& said, int) {
    machine.cluster.delete_is_idle = has(said, "started: claim");
  };
  const int code = machine.teardown({"--delete-data"});
  INFO(machine.err);
  CHECK(code == 5);
  CHECK(has(machine.err, std::string(claim_key) + " is still there, though kubectl said that it deleted it"));
  CHECK(has(machine.err, "go on where this stopped: raibid-cli teardown redis --delete-data"));
  CHECK(machine.objects().contains(secret_key));
}

TEST_CASE("a rollback keeps claim, Secret and namespace when helm leaves Redis running") {
  Machine machine;
  machine.on_start = [&](const std::string& said, int) {
    if (!has(said, "started: redis") || !machine.objects().contains(set_key)) return;
    machine.keep_workload();
    machine.objects()[secret_key]["data"]["redis-password"] = "b3RoZXI=";  // Redis refuses us: setup fails
  };
  const int code = machine.setup();
  INFO(machine.err);
  CHECK(code == 5);
  CHECK(has(machine.err, "StatefulSet raibid-redis-master stays"));
  for (const char* key : {secret_key, claim_key, pod_key, set_key, "namespace/raibid-redis"})
    CHECK_MESSAGE(machine.objects().contains(key), key);
}

TEST_CASE("a helm that ends well and changes nothing is noticed") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  machine.cluster.helm_is_idle = true;
  const int code = machine.setup({"--memory-limit", "1Gi", "--restart"});
  INFO(machine.err);
  CHECK(code == 4);
  CHECK(has(machine.err, "StatefulSet raibid-redis-master is not what was asked for"));
}

TEST_CASE("setup says what to do when the Secret is gone and Redis still runs") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  const std::string pod = machine.metadata(pod_key)["uid"];
  const json credentials = json::parse(read_file(machine.home() / "redis-credentials.json").value());
  machine.objects().erase(secret_key);

  SUBCASE("the credentials file has the password") {
    CHECK(machine.setup() == 0);
    CHECK(machine.metadata(pod_key)["uid"] == pod);
  }
  SUBCASE("nobody here knows the password") {
    fs::remove(machine.home() / "redis-credentials.json");
    const int code = machine.setup();
    INFO(machine.err);
    CHECK(code == 3);
    CHECK(has(machine.err, "Secret raibid-redis is gone"));
    CHECK(has(machine.err, "--password-file FILE"));
    CHECK(has(machine.err, "raibid-cli teardown redis --context fake -n raibid-redis --release raibid-redis"));
    CHECK_FALSE(machine.objects().contains(secret_key));

    const std::string file = machine.folder.path() / "password";
    write_atomic(file, credentials["password"].get<std::string>() + "\n");
    CHECK(machine.setup({"--password-file", file}) == 0);
    CHECK(machine.metadata(pod_key)["uid"] == pod);
  }
  SUBCASE("the way with a restart keeps the claim") {
    fs::remove(machine.home() / "redis-credentials.json");
    const std::string claim = machine.metadata(claim_key)["uid"];
    CHECK(machine.teardown() == 0);
    CHECK(machine.setup() == 0);
    CHECK(machine.metadata(claim_key)["uid"] == claim);
  }
}

TEST_CASE("a namespace that setup made stays when someone put an EventSource into it") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  machine.objects()["eventsource/webhook"] = {
      {"apiVersion", "argoproj.io/v1alpha1"}, {"kind", "EventSource"}, {"metadata", {{"name", "webhook"}}}};
  const int code = machine.teardown({"--delete-data"});
  INFO(machine.err);
  CHECK(code == 0);
  CHECK(has(machine.err, "raibid-redis stays: it holds eventsource.argoproj.io/webhook"));
  CHECK(machine.objects().contains("eventsource/webhook"));
  CHECK(machine.objects().contains("namespace/raibid-redis"));
}

}  // namespace raibid::objects_test
