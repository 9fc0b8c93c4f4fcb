#include <doctest/doctest.h>

#include "base/strings.hpp"
#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/redis/run/restart.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/clients.hpp"
#include "components/registry.hpp"
#include "fakes/fake_cluster.hpp"
#include "fakes/fake_random.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_reporter.hpp"
#include "support/redis_settings.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "sys/system_runner.hpp"

#include <sstream>

/// What was installed decides, not the defaults: the record of a release and the commands that come after.

namespace raibid::record_test {

using namespace raibid::test;
using nlohmann::json;
using Words = std::vector<std::string>;

namespace {

constexpr const char* set_key = "statefulset/raibid-redis-master";
constexpr const char* claim_key = "persistentvolumeclaim/redis-data-raibid-redis-master-0";
constexpr const char* pod_key = "pod/raibid-redis-master-0";
const Words its_names = {"-n", "raibid-redis", "--release", "raibid-redis"};

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// A cluster and a home.
struct Machine {
  TemporaryDirectory folder{fs::temp_directory_path()};
  Signals signals;
  FakeCluster cluster{folder.path() / "state.json", signals};
  Environment variables;
  std::string out, err;

  int run(const Words& words) {
    std::ostringstream results, messages;
    SystemRandom random;
    Environment environment = variables;
    environment["HOME"] = folder.path();
    environment["RAIBID_HOME"] = home();
    environment["TMPDIR"] = folder.path();
    const int code =
        run_cli(words, {results, messages, Terminal{}, environment, cluster, cluster.clock(), random, signals, cluster},
                components());
    out = results.str();
    err = messages.str();
    return code;
  }
  int setup(const Words& more = {}) { return run(Words{"setup", "redis", "-v"} + more); }
  void config(const std::string& text) { write_atomic(home() / "config.yaml", text); }
  std::string preset(const std::string& text) {
    const std::string path = folder.path() / "mine.yaml";
    const std::string names = "settings: {namespace: raibid-redis, release: raibid-redis, no-metrics: true}\n";
    write_atomic(path, "name: mine\n" + names + text);
    return path;
  }

  fs::path home() const { return folder.path() / "home"; }
  std::string pod() { return cluster.state()["objects"][pod_key]["metadata"]["uid"]; }
  std::string record() {
    return cluster.state()["objects"][set_key]["metadata"]["annotations"]["raibid-cli/spec"].get<std::string>();
  }
  std::string memory_limit() { return json::parse(record())["memory_limit"]; }
  std::size_t revisions() { return cluster.state()["releases"].size(); }
};

/// The command of ours in what was said, as words.
Words command_in(const std::string& text) {
  const std::size_t at = text.find("raibid-cli setup");
  REQUIRE(at != std::string::npos);
  Words words = split(text.substr(at, text.find('\n', at) - at), ' ');
  words.erase(words.begin());
  return words;
}

}  // namespace

TEST_CASE("record: a plain setup keeps the flags of an earlier one, and restarts nothing") {
  Machine machine;
  REQUIRE(machine.setup({"--memory-limit", "1Gi", "--stream", "other:jobs", "--group", "g2"}) == 0);
  const std::string pod = machine.pod();
  REQUIRE(machine.setup() == 0);
  INFO(machine.err);
  CHECK(has(machine.err, "unchanged: release"));
  CHECK(has(machine.err, "kept from an earlier setup: --memory-limit 1Gi, --stream other:jobs, --group g2"));
  CHECK(machine.memory_limit() == "1Gi");
  CHECK(machine.revisions() == 1);
  CHECK(machine.pod() == pod);
  // what is said again is no news
  REQUIRE(machine.setup({"--memory-limit", "1Gi"}) == 0);
  CHECK(machine.revisions() == 1);
  // another flag beside it
  REQUIRE(machine.setup({"--max-length", "7"}) == 0);
  CHECK(machine.memory_limit() == "1Gi");
  CHECK(json::parse(machine.record())["streams"][0] ==
        json{{"name", "other:jobs"}, {"groups", {"g2"}}, {"max_length", 7}});
}

TEST_CASE("record: variables and the config file are kept as well, for another shell and another home") {
  Machine machine;
  machine.variables["RAIBID_MEMORY_LIMIT"] = "1Gi";
  make_private_directory(machine.home());
  machine.config("cpu-limit: 750m\n");
  REQUIRE(machine.setup() == 0);
  machine.variables.clear();
  fs::remove_all(machine.home());
  REQUIRE(machine.setup() == 0);
  INFO(machine.err);
  CHECK(has(machine.err, "--memory-limit 1Gi"));
  CHECK(machine.memory_limit() == "1Gi");
  CHECK(json::parse(machine.record())["cpu_limit"] == "750m");
  CHECK(machine.revisions() == 1);
}

TEST_CASE("record: an edited config file applies, but not over a flag that stood above it") {
  Machine machine;
  make_private_directory(machine.home());
  machine.config("cpu-limit: 750m\nmemory-limit: 600Mi\n");
  REQUIRE(machine.setup({"--memory-limit", "1Gi"}) == 0);
  machine.config("cpu-limit: 800m\nmemory-limit: 700Mi\n");
  REQUIRE(machine.setup({"--restart"}) == 0);
  INFO(machine.err);
  CHECK(json::parse(machine.record())["cpu_limit"] == "800m");
  CHECK(machine.memory_limit() == "1Gi");
}

TEST_CASE("record: a teardown that keeps the data keeps what was chosen, for any home") {
  Machine machine;
  REQUIRE(machine.setup({"--memory-limit", "1Gi", "--stream", "other:jobs", "--group", "g2"}) == 0);
  REQUIRE(machine.run({"teardown", "redis", "--yes"}) == 0);
  INFO(machine.err);
  CHECK_FALSE(machine.cluster.state()["objects"].contains(set_key));
  SUBCASE("this one") {}
  SUBCASE("another one") { fs::remove_all(machine.home()); }
  REQUIRE(machine.setup() == 0);
  INFO(machine.err);
  CHECK(has(machine.err, "kept from an earlier setup: --memory-limit 1Gi, --stream other:jobs, --group g2"));
  CHECK(machine.memory_limit() == "1Gi");
  // the release has its own record again
  CHECK_FALSE(has(machine.cluster.state()["objects"][claim_key].dump(), "raibid-cli/spec"));
  CHECK(machine.run({"config", "show", "--installed"}) == 0);
}

TEST_CASE("record: what a teardown kept is a record like any other") {
  Machine machine;
  REQUIRE(machine.setup({"--memory-limit", "2Gi", "--set", "master.podLabels.team=blue"}) == 0);
  REQUIRE(machine.run({"teardown", "redis", "--yes"}) == 0);
  CHECK(machine.setup() == 2);
  CHECK(has(machine.err, "--set master.podLabels.team"));
  CHECK(machine.setup({"--set", "master.podLabels.team=red", "--memory-request", "1Gi"}) == 0);
  CHECK(machine.memory_limit() == "2Gi");
  REQUIRE(machine.run({"teardown", "redis", "--yes"}) == 0);
  CHECK(machine.setup({"--reset"}) == 0);
  CHECK(machine.memory_limit() == "512Mi");
  REQUIRE(machine.run({"teardown", "redis", "--yes", "--delete-data"}) == 0);
  CHECK(machine.setup() == 0);
  CHECK_FALSE(has(machine.err, "kept from an earlier setup"));
}

TEST_CASE("record: config show has what was recorded, from this machine or from the cluster") {
  Machine machine;
  REQUIRE(machine.setup({"--memory-limit", "1Gi", "--stream", "other:jobs"}) == 0);
  const auto shows = [&](const Words& more) {
    REQUIRE(machine.run(Words{"config", "show", "-o", "json"} + more) == 0);
    std::map<std::string, std::string> rows;
    for (const json& row : json::parse(machine.out))
      rows[row["name"]] = (row["value"].is_string() ? row["value"].get<std::string>() : row["value"].dump()) + ", " +
                          row["origin"].get<std::string>();
    return rows;
  };
  auto rows = shows({});
  CHECK(rows["memory-limit"] == "1Gi, recorded by an earlier setup");
  CHECK(rows["stream"] == "other:jobs, recorded by an earlier setup");
  CHECK(rows["cpu-limit"].starts_with("500m, "));
  CHECK(shows({"-n", "elsewhere"})["memory-limit"].starts_with("512Mi, "));
  machine.variables["RAIBID_MEMORY_LIMIT"] = "2Gi";
  CHECK(shows({})["memory-limit"] == "2Gi, RAIBID_MEMORY_LIMIT");
  machine.variables.clear();

  fs::remove_all(machine.home());
  CHECK(shows({})["memory-limit"].starts_with("512Mi, "));
  CHECK(shows({"--installed"})["memory-limit"] == "1Gi, recorded by an earlier setup");
  REQUIRE(machine.run({"teardown", "redis", "--yes", "--delete-data"}) == 0);
  CHECK(machine.run({"config", "show", "--installed"}) == 6);
}

TEST_CASE("record: config show tells of a record that a setup could not use, and shows the rest") {
  Machine machine;
  REQUIRE(machine.setup({"--set", "master.podLabels.team=blue", "--memory-limit", "1Gi"}) == 0);
  CHECK(machine.run({"config", "show"}) == 0);
  CHECK(has(machine.err, "what an earlier setup recorded is not shown: this Redis was set up with --set"));
  CHECK(has(machine.out, "512Mi"));
}

TEST_CASE("record: another preset is refused by teardown and status --watch as well") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  machine.cluster.state()["objects"][set_key]["metadata"]["namespace"] = "raibid-redis";  // which status looks at
  const json before = machine.cluster.contents();
  for (const Words& words : {Words{"teardown", "redis", "--yes"}, Words{"teardown", "redis", "--yes", "--delete-data"},
                             Words{"status", "redis", "--watch"}, Words{"status", "redis"}}) {
    CAPTURE(words[0]);
    CHECK(machine.run(words + its_names + Words{"--preset", "mirai"}) == 2);
    INFO(machine.err);
    CHECK(has(machine.err, "set up with preset \"raibid\""));
    CHECK(machine.cluster.contents() == before);
  }
}

TEST_CASE("record: --reset goes back to the preset") {
  Machine machine;
  REQUIRE(machine.setup({"--memory-limit", "1Gi", "--stream", "other:jobs"}) == 0);
  REQUIRE(machine.setup({"--reset", "--restart"}) == 0);
  CHECK(machine.memory_limit() == "512Mi");
  CHECK(json::parse(machine.record())["streams"][0]["name"] == "raibid:jobs");
  CHECK_FALSE(has(machine.record(), "chosen"));
  REQUIRE(machine.setup() == 0);
  CHECK(has(machine.err, "unchanged: release"));
}

TEST_CASE("record: an option that fits the record alone is no mistake") {
  Machine machine;
  REQUIRE(machine.setup({"--memory-limit", "2Gi"}) == 0);
  const int code = machine.setup({"--memory-request", "1Gi", "--restart"});
  INFO(machine.err);
  CHECK(code == 0);
  CHECK(machine.memory_limit() == "2Gi");
  CHECK(machine.setup({"--memory-request", "3Gi"}) == 2);
  CHECK(has(machine.err, "above the limit of 2Gi"));
}

TEST_CASE("record: a restart needs --restart or --yes where nobody can be asked, and the hint works as it stands") {
  for (const char* const consent : {"hint", "--yes", "--restart"}) {
    CAPTURE(std::string(consent));
    Machine machine;
    REQUIRE(machine.setup() == 0);
    const std::string pod = machine.pod();
    const json before = machine.cluster.contents();
    const int code = machine.setup({"--memory-limit", "1Gi"});
    INFO(machine.err);
    CHECK(code == 2);
    CHECK(has(machine.err, "this change restarts Redis: memory limit 512Mi -> 1Gi"));
    CHECK(machine.cluster.contents() == before);
    CHECK(machine.pod() == pod);
    CHECK(fs::is_empty(machine.home() / "journal"));
    const Words again = consent == std::string("hint") ? command_in(machine.err)
                                                       : Words{"setup", "redis", "--memory-limit", "1Gi", consent};
    CHECK(machine.run(again) == 0);
    INFO(machine.err);
    CHECK(machine.memory_limit() == "1Gi");
    CHECK(machine.pod() != pod);
  }
}

TEST_CASE("record: a restart is asked for on a terminal") {
  const TemporaryDirectory folder{fs::temp_directory_path()};
  SystemClock clock;
  Signals signals;
  SystemRunner runner(clock, signals);
  FakeRandom random;
  FakeReporter reporter;
  FakeRedis redis([](const std::string&) { return FakeRedis::error("ERR no Redis here"); });
  std::ostringstream out;
  Context context{runner,
                  clock,
                  random,
                  signals,
                  reporter,
                  redis,
                  {},
                  Paths{folder.path(), folder.path(), folder.path()},
                  settings_of({}),
                  {},
                  clock.now() + std::chrono::seconds(30),
                  out,
                  {},
                  ChangeGuard(false),
                  Files(ChangeGuard(false))};
  reporter.answers = {true};
  agree_to_restart(context, {"memory limit 512Mi → 1Gi"});
  CHECK(reporter.has("asked: this change restarts Redis: memory limit 512Mi → 1Gi. Go on?"));
  reporter.answers = {false};
  CHECK(error_of([&] { agree_to_restart(context, {"x"}); }).code() == ExitCode::failure);
  CHECK(error_of([&] { agree_to_restart(context, {"x"}); }).code() == ExitCode::usage);
}

TEST_CASE("record: a Redis that does not run is changed without a question") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  machine.cluster.state()["objects"].erase(pod_key);
  const int code = machine.setup({"--memory-limit", "1Gi"});
  INFO(machine.err);
  CHECK(code == 0);
}

TEST_CASE("record: export names the stream and group that were installed") {
  Machine machine;
  REQUIRE(machine.setup({"--stream", "other:jobs", "--group", "g2", "--max-length", "7"}) == 0);
  machine.variables["RAIBID_MEMORY_LIMIT"] = "768Mi";  // says nothing of what is there
  for (const Words& words : {Words{"export", "env"}, Words{"export", "configmap"}, Words{"export", "keda"}}) {
    CHECK(machine.run(words) == 0);
    INFO(machine.err);
    CHECK(has(machine.out, "other:jobs"));
    CHECK(has(machine.out, "g2"));
    CHECK_FALSE(has(machine.out, "raibid:jobs"));
  }
  CHECK(machine.run({"export", "keda", "--stream", "third", "--group", "g3"}) == 0);
  CHECK(has(machine.out, "third"));
  CHECK_FALSE(has(machine.out, "other:jobs"));
  // these ask no cluster
  for (const char* const what : {"values", "compose"}) {
    CHECK(machine.run({"export", what}) == 0);
    CHECK(has(machine.out, "other:jobs"));
  }
}

TEST_CASE("record: the preset's variables need no --preset, by name or file, and another preset is refused") {
  Machine machine;
  const std::string file = machine.preset("environment: {MY_REDIS: \"{{url}}\"}\nholds: [jobs]\n");
  REQUIRE(machine.setup({"--preset", file}) == 0);
  machine.cluster.state()["objects"][set_key]["metadata"]["namespace"] = "raibid-redis";  // which status looks at
  CHECK(machine.run({"export", "env"}) == 0);
  CHECK(has(machine.out, "MY_REDIS"));
  REQUIRE(machine.setup() == 0);
  CHECK(has(machine.err, "unchanged: release"));
  const json before = machine.cluster.contents();
  for (const Words& words :
       {Words{"export", "env"}, Words{"export", "keda"}, Words{"smoke", "redis"}, Words{"url", "redis"},
        Words{"queue", "stats", "--stream", "x"}, Words{"connect", "redis"}, Words{"status", "redis"}}) {
    CAPTURE(words[0]);
    CHECK(machine.run(words + its_names + Words{"--preset", "mirai"}) == 2);
    CHECK(has(machine.err, "\"mirai\""));
    CHECK(has(machine.err, "set up with preset \"mine\""));
    machine.variables["RAIBID_PRESET"] = "mirai";
    CHECK(machine.run(words + its_names) == 2);
    CHECK(has(machine.err, "RAIBID_PRESET"));
    machine.variables.clear();
  }
  CHECK(machine.cluster.contents() == before);

  // folders are of this machine: the cluster keeps none, and setup from another one changes nothing
  CHECK_FALSE(has(machine.record(), machine.folder.path().string()));
  const std::size_t revisions = machine.revisions();
  fs::create_directory(machine.folder.path() / "moved");
  const std::string moved = machine.folder.path() / "moved/mine.yaml";
  fs::copy(file, moved);
  CHECK(machine.setup({"--preset", moved}) == 0);
  CHECK(machine.revisions() == revisions);
  fs::remove(file);
  CHECK(machine.setup() == 0);
  CHECK(machine.revisions() == revisions);

  fs::remove(moved);
  CHECK(machine.run({"url", "redis"}) == 0);
  CHECK(machine.run({"export", "env"}) == 2);
  CHECK(has(machine.err, moved));
  CHECK(has(machine.err, "--preset FILE"));
  CHECK(machine.setup() == 2);
  CHECK(machine.cluster.contents() == before);

  fs::remove_all(machine.home());  // as on another machine
  CHECK(machine.run({"url", "redis"}) == 0);
  for (const Words& words : {Words{"export", "env"}, Words{"setup", "redis"}}) {
    CHECK(machine.run(words) == 2);
    INFO(machine.err);
    CHECK(has(machine.err, "set up with preset mine, whose file is not known here"));
  }
}

TEST_CASE("record: a file of values is kept by its folder, and missed where that is not known") {
  Machine machine;
  const std::string file = machine.folder.path() / "more.yaml";
  write_atomic(file, "master: {podLabels: {team: blue}}\n");
  REQUIRE(machine.setup({"-f", file}) == 0);
  CHECK_FALSE(has(machine.record(), machine.folder.path().string()));
  CHECK(machine.setup() == 0);
  INFO(machine.err);
  CHECK(has(machine.err, "kept from an earlier setup: --values " + file));
  CHECK(machine.revisions() == 1);
  fs::remove_all(machine.home());
  CHECK(machine.setup() == 2);
  CHECK(has(machine.err, "-f more.yaml"));
  CHECK(machine.setup({"-f", file}) == 0);
  CHECK(machine.revisions() == 1);
}

TEST_CASE("record: values of --set are not recorded, so a setup without them stops") {
  Machine machine;
  REQUIRE(machine.setup({"--set", "master.podLabels.team=blue-and-secret"}) == 0);
  CHECK_FALSE(has(machine.record(), "blue-and-secret"));
  for (const auto& entry : fs::recursive_directory_iterator(machine.home()))
    if (entry.is_regular_file()) CHECK_FALSE(has(read_file(entry.path()).value_or(""), "blue-and-secret"));
  CHECK(machine.setup() == 2);
  CHECK(has(machine.err, "--set master.podLabels.team"));
  CHECK(machine.setup({"--set", "master.podLabels.team=red"}) == 0);
  CHECK(machine.setup({"--reset"}) == 0);
  CHECK(machine.setup() == 0);
  CHECK(has(machine.err, "unchanged: release"));
}

TEST_CASE("record: one of an older version, which has no choices, is read as before") {
  Machine machine;
  REQUIRE(machine.setup() == 0);
  CHECK_FALSE(has(machine.record(), "chosen"));
  CHECK_FALSE(has(machine.record(), "preset_file"));
  json old = json::parse(machine.record());
  old["streams"][0]["name"] = "older:jobs";
  machine.cluster.state()["objects"][set_key]["metadata"]["annotations"]["raibid-cli/spec"] = old.dump();
  CHECK(machine.run({"export", "env"}) == 0);
  CHECK(has(machine.out, "older:jobs"));
  CHECK(machine.setup() == 0);
}

TEST_CASE("other namespace: the preset's own one follows -n, others stay, and a warning says so") {
  Preset preset = job_queue_preset();
  preset.settings["namespace"] = {{"app"}, {Source::preset, "preset raibid:4"}};
  preset.client_namespaces = {"app/app=worker", "monitoring", "raibid"};
  preset.services = {"app/redis-service", "redis"};
  const auto clients = [&](const std::vector<Given>& given) {
    std::string text;
    for (const Client& client : redis_settings_of(given, preset).clients) text += to_string(client) + " ";
    return text;
  };
  const auto warns = [&](const std::vector<Given>& given) {
    std::string text;
    for (const Advice& advice : advise(redis_settings_of(given, preset))) {
      if (advice.name == "other-namespace") text = advice.reason;
    }
    return text;
  };
  CHECK(clients({{"namespace", "app"}}) == "app/app=worker monitoring raibid ");
  CHECK(warns({{"namespace", "app"}}).empty());
  CHECK(clients({{"namespace", "jobs"}}) == "jobs/app=worker monitoring raibid ");
  CHECK(has(warns({{"namespace", "jobs"}}), "client app/app=worker → jobs/app=worker"));
  CHECK(redis_settings_of({{"namespace", "jobs"}}, preset).services == Words{"redis-service", "redis"});
  // who names the clients means those
  CHECK(clients({{"namespace", "jobs"}, {"allow-from", "app"}}) == "app ");
  CHECK(warns({{"namespace", "jobs"}, {"target", "local"}}).empty());
}

}  // namespace raibid::record_test
