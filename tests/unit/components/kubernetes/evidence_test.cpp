#include "components/kubernetes/evidence.hpp"

#include "base/error.hpp"
#include "fakes/fake_runner.hpp"
#include "sys/files.hpp"
#include "unit/components/kubernetes/scene.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include <set>
#include <string>

using namespace raibid;
using namespace raibid::test;
using std::chrono::seconds;

namespace {

struct Desk {
  TemporaryDirectory home{fs::temp_directory_path()};
  FakeRunner runner;
  Kubectl kubectl{runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps"};
  Error error{ExitCode::failure, "container redis ends with exit code 1", "see its log"};

  std::string keep(const fs::path& parent) {
    return keep_evidence(Files(ChangeGuard(false)), runner.clock(), kubectl, "app=app", parent, error,
                         "image: redis:7\n", runner.now() + seconds(10));
  }
  std::string keep() { return keep(home.path() / "evidence"); }
};

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

std::string content(const fs::path& path) { return read_file(path).value_or("(there is none)"); }

std::string crashed_pod() {
  PodDocument pod;
  pod.restarts = 1;
  pod.state = waiting_for("CrashLoopBackOff");
  pod.last_state = terminated(1, "x");
  nlohmann::json object = pod.object();
  object["status"]["containerStatuses"][0]["containerID"] = "containerd://x";
  object["status"]["containerStatuses"].push_back({{"name", "metrics"}, {"state", waiting_for("ContainerCreating")}});
  return nlohmann::json{{"kind", "List"}, {"items", {object}}}.dump();
}

std::string two_events() {
  EventDocument late{
      .kind = "Pod", .name = "app-master-0", .reason = "BackOff", .message = "Back-off \x1b[31mrestarting", .count = 3};
  EventDocument early{.kind = "Pod", .name = "app-master-0", .reason = "Scheduled", .message = "assigned to node1"};
  nlohmann::json first = early.object(), second = late.object();
  first["lastTimestamp"] = "2026-01-31T09:00:01Z";
  second["lastTimestamp"] = "2026-01-31T09:00:09Z";
  return nlohmann::json{{"kind", "List"}, {"items", {second, first}}}.dump();
}

constexpr const char* kept = "pods,statefulsets,persistentvolumeclaims";

}  // namespace

TEST_CASE("evidence: objects, events and logs in a folder of their own that nobody else can read") {
  Desk desk;
  desk.runner.expect(argv_has({"get", "pods,statefulsets,persistentvolumeclaims", "-l", "app=app"}),
                     {0, crashed_pod(), ""});
  desk.runner.expect(argv_has({"get", "events"}), {0, two_events(), ""});
  desk.runner.expect(argv_has({"logs", "app-master-0", "-c", "redis", "--previous"}), {0, "it was 'lots'\n", ""});
  desk.runner.expect(argv_has({"logs", "app-master-0", "-c", "redis"}), {0, "bad directive\n", ""});
  const fs::path folder = desk.keep();
  CHECK(folder.parent_path() == desk.home.path() / "evidence");
  CHECK(folder.filename() == "2026-01-31T09-08-07Z-apps");
  CHECK(mode_of(folder) == 0700);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename());
    CHECK(mode_of(entry.path()) == 0600);
  }
  CHECK(names == std::set<std::string>{"app-master-0.redis.log", "app-master-0.redis.previous.log", "error.txt",
                                       "events.txt", "objects.yaml", "values.yaml"});
  CHECK(has(content(folder / "error.txt"), "container redis ends with exit code 1\nsee its log"));
  CHECK(has(content(folder / "error.txt"), "https://10.0.0.5:6443, context dev, namespace apps"));
  CHECK(content(folder / "values.yaml") == "image: redis:7\n");
  CHECK(has(content(folder / "objects.yaml"), "name: app-master-0\n"));
  CHECK_FALSE(has(content(folder / "objects.yaml"), "managedFields"));
  CHECK(content(folder / "app-master-0.redis.previous.log") == "it was 'lots'\n");
  const std::string events = content(folder / "events.txt");
  CHECK(events.find("Scheduled") < events.find("BackOff (3 times)"));
  CHECK_FALSE(has(events, "\x1b"));
  for (const FakeRunner::Call& call : desk.runner.calls()) CHECK_FALSE(has(call.line(), "secret"));
}

TEST_CASE("evidence: two of one second do not mix") {
  Desk desk;
  for (int i = 0; i < 2; ++i) {
    desk.runner.expect(argv_has({"get", kept}), {0, R"({"kind":"List","items":[]})", ""});
    desk.runner.expect(argv_has({"get", "events"}), {0, R"({"kind":"List","items":[]})", ""});
  }
  const std::string first = desk.keep();
  const std::string second = desk.keep();
  CHECK_FALSE(first.empty());
  CHECK_FALSE(second.empty());
  CHECK(first != second);
}

TEST_CASE("evidence: a cluster that does not answer leaves the error, within the deadline") {
  Desk desk;
  for (const char* kinds : {kept, "events"}) desk.runner.expect_stream(argv_has({kinds}));
  const TimePoint began = desk.runner.now();
  const fs::path folder = desk.keep();
  CHECK(desk.runner.now() - began <= seconds(10));
  CHECK(has(content(folder / "error.txt"), "exit code 1"));
  CHECK(has(content(folder / "events.txt"), "did not answer in time"));
}

TEST_CASE("evidence: a refused right is written down, and the rest is kept") {
  Desk desk;
  desk.runner.expect(argv_has({"get", kept}),
                     {1, crashed_pod(), "Error from server (Forbidden): persistentvolumeclaims is forbidden\n"});
  desk.runner.expect(argv_has({"logs"}), {0, "it was 'lots'\n", ""});
  desk.runner.expect(argv_has({"logs"}), {0, "bad directive\n", ""});
  desk.runner.expect(argv_has({"get", "events"}), {0, two_events(), ""});
  const fs::path folder = desk.keep();
  CHECK(has(content(folder / "objects.yaml"), "persistentvolumeclaims is forbidden"));
  CHECK(has(content(folder / "objects.yaml"), "name: app-master-0"));
  CHECK(has(content(folder / "events.txt"), "assigned to node1"));
}

TEST_CASE("evidence: a second Ctrl-C ends it, what is there stays") {
  Desk desk;
  for (const char* kinds : {kept, "events"}) desk.runner.expect_stream(argv_has({kinds}));
  desk.runner.interrupt_wait(1);
  const fs::path folder = desk.keep();
  CHECK(has(content(folder / "error.txt"), "exit code 1"));
  CHECK_FALSE(fs::exists(folder / "objects.yaml"));
}

TEST_CASE("evidence: nowhere to keep it") {
  Desk desk;
  write_atomic(desk.home.path() / "file", "x");
  CHECK(desk.keep(desk.home.path() / "file" / "evidence") == "");
}
