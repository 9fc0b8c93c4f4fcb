#include "base/error.hpp"
#include "components/kubernetes/rollout.hpp"
#include "fakes/fake_runner.hpp"
#include "unit/components/kubernetes/documents.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace raibid;
using namespace raibid::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using State = Verdict::State;

namespace {

const std::string refused_connection =
    "The connection to the server 10.0.0.5:6443 was refused - did you specify the right host or port?\n";
const std::string no_right =
    "Error from server (Forbidden): pods is forbidden: User \"x\" cannot watch resource \"pods\" in API group \"\"\n";

/// A Rollout whose children are looked at from outside.
struct Cut {
  FakeRunner runner;
  Kubectl kubectl{runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps"};
  Rollout rollout{runner, runner.clock(), kubectl, "app=app", "app-master"};

  ChildScript& expect(const std::string& kind) { return runner.expect_stream(argv_has({"get", kind, "-w"})); }
  Verdict after(Duration duration) {
    const TimePoint until = runner.now() + duration;
    Verdict verdict;
    do {
      runner.wait(rollout.processes(), std::min(until, runner.now() + milliseconds(250)));
      rollout.pump();
      verdict = rollout.verdict();
    } while (runner.now() < until);
    return verdict;
  }
  int watches(const std::string& kind) const {
    int count = 0;
    for (const FakeRunner::Call& call : runner.calls())
      count += call.line().find("get " + kind + " -w") != std::string::npos;
    return count;
  }
};

}  // namespace

TEST_CASE("a watch that is killed is back at once, and what it lists again is not counted again") {
  Cut c;
  ChildScript& pods = c.expect("pods");
  ChildScript& events = c.expect("events");
  c.rollout.start();
  PodDocument pod;
  pod.state = waiting_for("ContainerCreating");
  pods.says(added(pod.object()));
  EventDocument mount{.kind = "Pod",
                      .name = "app-master-0",
                      .object_uid = "pod-1",
                      .reason = "FailedMount",
                      .message = "MountVolume.SetUp failed for volume \"acl\" : secret \"absent\" not found"};
  events.says(added(mount.object()));
  CHECK(c.after(seconds(2)).reason == "container-creating");

  ChildScript& pods_again = c.expect("pods");
  ChildScript& events_again = c.expect("events");
  pods_again.says(added(pod.object()));
  events_again.says(added(mount.object()));
  events.exits(137);
  pods.exits(137);
  CHECK(c.after(milliseconds(800)).reason == "container-creating");
  CHECK(pods_again.started());
  CHECK(events_again.started());
  mount.count = 2;
  events_again.says(modified(mount.object()));
  CHECK(c.after(milliseconds(1)).reason == "missing-secret");
}

TEST_CASE("a pod that went away while nobody watched is forgotten") {
  Cut c;
  ChildScript& pods = c.expect("pods");
  c.expect("events");
  c.rollout.start();
  pods.says(added(ready_pod().object()));
  CHECK(c.after(seconds(2)).state == State::ready);
  ChildScript& again = c.expect("pods");
  pods.exits(0);
  SUBCASE("another one is there") {
    PodDocument next;
    next.uid = "pod-2";
    next.state = waiting_for("ContainerCreating");
    again.says(added(next.object()));
    CHECK(c.after(milliseconds(600)).reason == "container-creating");
  }
  SUBCASE("none is there") {
    c.runner.expect(argv_has({"get", "statefulset/app-master"}), {0, "{\"kind\":\"StatefulSet\"}", ""});
    CHECK(c.after(seconds(3)).reason == "no-pod");
  }
  CHECK_FALSE(c.rollout.ready());
}

TEST_CASE("the pauses grow, and a server that stays away is what it waits for, then an error") {
  Cut c;
  c.expect("pods").says_err(refused_connection).exits(1);
  c.expect("events");
  for (int i = 0; i < 16; ++i) c.expect("pods").says_err(refused_connection).exits(1);
  c.rollout.start();
  CHECK(c.after(milliseconds(900)).reason == "no-pod");  // a watch that was cut off may be back at once
  const Verdict verdict = c.after(seconds(1));
  CHECK(verdict.state == State::waiting);
  CHECK(verdict.reason == "api-server");
  CHECK(verdict.text.find("https://10.0.0.5:6443") != std::string::npos);
  CHECK(verdict.text.find("refused") != std::string::npos);
  std::optional<Error> error;
  for (int i = 0; i < 400 && !error; ++i) {
    try {
      c.after(milliseconds(250));
    } catch (const Error& thrown) {
      error = thrown;
    }
  }
  REQUIRE(error);
  CHECK(error->message().find("while watching pods: ") == 0);
  const auto lasted = c.runner.now() - FakeClock().now();
  CHECK(lasted >= seconds(60));
  CHECK(lasted < seconds(62));
  CHECK(c.watches("pods") == 17);  // 0.1 s, 0.2, 0.4 … 5 s: not hundreds
}

TEST_CASE("a server that is back after a restart: the watches go on, and a silent one is told by asking") {
  Cut c;
  ChildScript& pods = c.expect("pods");
  ChildScript& events = c.expect("events");
  c.rollout.start();
  pods.says(added(ready_pod().object()));
  c.after(seconds(2));
  for (const std::string kind : {"pods", "events"}) c.expect(kind).says_err(refused_connection).exits(1);
  for (const std::string kind : {"pods", "events"})
    c.expect(kind).says_err(refused_connection).exits(1).after(milliseconds(500));
  ChildScript& pods_again = c.expect("pods");
  ChildScript& events_again = c.expect("events");  // there are no events: it says nothing
  pods_again.says(added(ready_pod().object())).after(milliseconds(300));
  c.runner.expect(argv_has({"get", "statefulset/app-master"}), {0, "{\"kind\":\"StatefulSet\"}", ""})
      .after(milliseconds(100));
  pods.exits(1);
  events.exits(1);
  CHECK(c.after(milliseconds(1500)).reason == "api-server");
  CHECK(c.after(seconds(3)).state == State::ready);
  CHECK(c.after(seconds(70)).state == State::ready);
  CHECK(events_again.started());
}

TEST_CASE("a refused right ends it after a few tries, with the right in the message") {
  Cut c;
  c.expect("events");
  for (int i = 0; i < 4; ++i) c.expect("pods").says_err(no_right).exits(1);
  c.rollout.start();
  try {
    c.after(seconds(5));
    FAIL("it goes on without the right");
  } catch (const Error& error) {
    CHECK(error.message().find("cannot watch resource \"pods\"") != std::string::npos);
    CHECK(c.runner.now() - FakeClock().now() < seconds(2));
  }
}

TEST_CASE("a kubectl that says what is no watch is ended, and another one is asked") {
  Cut c;
  ChildScript& events = c.expect("events");
  (void)events;
  ChildScript& pods = c.expect("pods");
  pods.says("<html>502 Bad Gateway</html>");
  ChildScript& again = c.expect("pods");
  again.says(added(ready_pod().object()));
  c.rollout.start();
  CHECK(c.after(seconds(1)).state == State::ready);
  CHECK(pods.ended_by_us());
}

TEST_CASE("documents of any shape change nothing and end nothing") {
  Cut c;
  ChildScript& pods = c.expect("pods");
  ChildScript& events = c.expect("events");
  c.rollout.start();
  for (
      const char* text :
      {R"({"type":"ADDED","object":null})", R"({"type":3,"object":[]})", R"({"object":{"metadata":7}})", R"({})",
       R"({"type":"ADDED","object":{"kind":"Pod","metadata":{"ownerReferences":[{"kind":"StatefulSet","name":"app-master"}]},)"
       R"("status":{"conditions":[1,{"type":"Ready"}],"containerStatuses":["x",{"state":5,"restartCount":"7"}]}}})"}) {
    pods.says(text);
    events.says(text);
  }
  const Verdict verdict = c.after(seconds(5));
  CHECK(verdict.state == State::waiting);
}

TEST_CASE("a document in pieces is one document") {
  Cut c;
  ChildScript& pods = c.expect("pods");
  c.expect("events");
  c.rollout.start();
  const std::string text = added(ready_pod().object());
  pods.says(text.substr(0, 70))
      .says(text.substr(70, 200))
      .after(milliseconds(600))
      .says(text.substr(270))
      .after(milliseconds(600));
  CHECK(c.after(seconds(1)).reason == "no-pod");
  CHECK(c.after(seconds(1)).state == State::ready);
}
