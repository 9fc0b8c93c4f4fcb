#include <doctest/doctest.h>

#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/registry.hpp"
#include "fakes/fake_cluster.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"

#include <sstream>

/// Someone else's setup, of another machine, makes namespace and lock a moment before ours does.

using namespace raibid;
using nlohmann::json;

namespace {

struct Race {
  TemporaryDirectory folder{fs::temp_directory_path()};
  Signals signals;
  FakeCluster cluster{folder.path() / "state.json", signals};
  std::ostringstream out, err;

  /// What someone else does when our setup is about to make the namespace, and three of our questions later.
  int setup(const std::function<void(json& objects)>& someone_else,
            const std::function<void(json& objects)>& later = nullptr) {
    int starts = 0;
    cluster.on_start = [&, later](int) {
      if (err.str().find("started: namespace") == std::string::npos) return;
      ++starts;
      if (starts == 1) someone_else(cluster.state()["objects"]);
      if (starts == 4 && later) later(cluster.state()["objects"]);
    };
    SystemRandom random;
    const CliDependencies dependencies{
        out,        err,
        Terminal{}, {{"HOME", folder.path()}, {"RAIBID_HOME", folder.path() / "home"}, {"TMPDIR", folder.path()}},
        cluster,    cluster.clock(),
        random,     signals,
        cluster};
    const std::vector<std::string> arguments = {"setup", "redis", "-v"};
    return run_cli(arguments, dependencies, components());
  }
};

json made(json object, const std::string& version) {
  object["metadata"]["uid"] = "theirs-" + version;
  object["metadata"]["resourceVersion"] = version;
  return object;
}

void make_namespace(json& objects) {
  objects["namespace/raibid-redis"] =
      made({{"kind", "Namespace"},
            {"metadata", {{"name", "raibid-redis"}, {"labels", {{"app.kubernetes.io/managed-by", "raibid-cli"}}}}}},
           "7");
}

void take_lock(json& objects, const FakeClock& clock) {
  const LeaseHolder holder = {
      "setup redis", "web-2", "elsewhere", 42, "start", "", clock.wall() + std::chrono::minutes(5)};
  objects["lease/raibid-cli-raibid-redis"] =
      made(lease_manifest("raibid-cli-raibid-redis", "raibid-redis", holder), "8");
}

}  // namespace

TEST_CASE("a setup that loses the race for a namespace says who won and takes its Secret out of it again") {
  Race race;
  const int code = race.setup([&](json& objects) {
    make_namespace(objects);
    take_lock(objects, race.cluster.clock());
  });
  INFO(race.err.str());
  CHECK(code == 3);
  CHECK(race.err.str().find("(process 42 on web-2") != std::string::npos);
  const json& objects = race.cluster.state()["objects"];
  CHECK(objects.contains("namespace/raibid-redis"));
  CHECK(objects.contains("lease/raibid-cli-raibid-redis"));
  CHECK_FALSE(objects.contains("secret/raibid-redis"));
  CHECK(race.cluster.alive() == 0);
}

TEST_CASE("a setup that loses the race for a namespace leaves the winner's Secret alone") {
  Race race;
  const int code = race.setup([&](json& objects) {
    make_namespace(objects);
    take_lock(objects, race.cluster.clock());
    objects["secret/raibid-redis"] = made({{"kind", "Secret"}, {"metadata", {{"name", "raibid-redis"}}}}, "9");
  });
  CHECK(code == 3);
  CHECK(race.cluster.state()["objects"]["secret/raibid-redis"]["metadata"]["uid"] == "theirs-9");
}

TEST_CASE("a namespace that someone makes at this very moment is left alone") {
  Race race;
  const int code = race.setup(make_namespace);
  INFO(race.err.str());
  CHECK(code == 3);
  CHECK(race.err.str().find("at the same moment") != std::string::npos);
  const json& objects = race.cluster.state()["objects"];
  CHECK(objects.contains("namespace/raibid-redis"));
  CHECK_FALSE(objects.contains("lease/raibid-cli-raibid-redis"));
  CHECK_FALSE(objects.contains("secret/raibid-redis"));
}

TEST_CASE("the setup that made the namespace takes the lock when the one that got it gives way") {
  Race race;
  const int code = race.setup([&](json& objects) { take_lock(objects, race.cluster.clock()); },
                              [](json& objects) { objects.erase("lease/raibid-cli-raibid-redis"); });
  INFO(race.err.str());
  CHECK(code == 0);
  CHECK(race.cluster.state()["objects"].contains("secret/raibid-redis"));
}

TEST_CASE("the setup that made the namespace gives up when the one that got the lock goes on") {
  Race race;
  const int code = race.setup([&](json& objects) { take_lock(objects, race.cluster.clock()); });
  INFO(race.err.str());
  CHECK(code == 3);
  CHECK(race.err.str().find("(process 42 on web-2") != std::string::npos);
  CHECK(race.cluster.state()["objects"].contains("lease/raibid-cli-raibid-redis"));
}

TEST_CASE("the setup that made the namespace leaves alone what one that had the lock has left there") {
  Race race;
  const int code = race.setup(
      [&](json& objects) {
        take_lock(objects, race.cluster.clock());
        objects["secret/raibid-redis"] = made({{"kind", "Secret"}, {"metadata", {{"name", "raibid-redis"}}}}, "9");
      },
      [](json& objects) { objects.erase("lease/raibid-cli-raibid-redis"); });
  INFO(race.err.str());
  CHECK(code == 3);
  CHECK(race.err.str().find("at the same moment") != std::string::npos);
  CHECK(race.cluster.state()["objects"]["secret/raibid-redis"]["metadata"]["uid"] == "theirs-9");
  CHECK_FALSE(race.cluster.state()["objects"].contains("lease/raibid-cli-raibid-redis"));
}
