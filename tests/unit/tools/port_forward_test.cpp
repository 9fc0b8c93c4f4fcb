#include "tools/port_forward.hpp"
#include "base/error.hpp"
#include "fakes/fake_runner.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace raibid;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  FakeRunner runner;
  Kubectl kubectl{runner, {"", "k3s-dev", "", "", ""}, "apps"};
  PortForward forward{runner, kubectl, "redis-0", 6379};

  void wait() {
    const std::array<Process*, 1> processes = {forward.process()};
    runner.wait(processes, runner.now() + 1s);
  }
};

const std::string listening = "Forwarding from 127.0.0.1:33777 -> 6379\n";

}  // namespace

TEST_CASE_FIXTURE(Fixture, "it listens once kubectl says so, in pieces if need be") {
  CHECK(forward.finished());
  CHECK(forward.port() == 0);
  runner.expect_stream(argv_has({"port-forward", "--address", "127.0.0.1", "pod/redis-0", ":6379"}))
      .says(listening.substr(0, 30))
      .says(listening.substr(30))
      .says("Handling connection for 33777\n");
  forward.ensure();
  forward.ensure();  // it runs: no second one
  CHECK(forward.port() == 0);
  wait();
  CHECK(forward.port() == 0);
  wait();
  CHECK(forward.port() == 33777);
  wait();
  CHECK(forward.port() == 33777);
  CHECK(forward.process()->out().empty());
  CHECK_FALSE(forward.finished());
}

TEST_CASE_FIXTURE(Fixture, "when it dies another takes its place on the same port") {
  ChildScript& first = runner.expect_stream(argv_has({"port-forward", ":6379"}));
  first.says(listening).says_err("error: lost connection to pod\n").exits(1);
  forward.ensure();
  CHECK(forward.wait_ready(runner.now() + 1s) == 33777);
  wait();
  wait();
  CHECK(forward.finished());
  CHECK(forward.port() == 0);
  CHECK(forward.last_error() == "lost connection to pod");
  ChildScript& second = runner.expect_stream(argv_has({"port-forward", "33777:6379"}));
  second.says(listening).after(200ms);
  CHECK(forward.wait_ready(runner.now() + 1s) == 33777);
  CHECK_FALSE(second.ended_by_us());
}

TEST_CASE_FIXTURE(Fixture, "a pod that does not run: kubectl's words, at once") {
  runner.expect(argv_has({"port-forward"}),
                {1, "", "error: unable to forward port because pod is not running. Current status=Pending\n", false});
  try {
    forward.wait_ready(runner.now() + 10s);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.message() ==
          "kubectl port-forward: unable to forward port because pod is not running. Current status=Pending");
    CHECK(error.code() == ExitCode::failure);
  }
  CHECK(forward.last_error() == "unable to forward port because pod is not running. Current status=Pending");
}

TEST_CASE_FIXTURE(Fixture, "one that says nothing is given up at the deadline") {
  runner.expect_stream(argv_has({"port-forward"}));
  const TimePoint start = runner.now();
  CHECK_THROWS_AS(forward.wait_ready(start + 3s), Error);
  CHECK(runner.now() == start + 3s);
}

TEST_CASE_FIXTURE(Fixture, "only IPv4's own line counts") {
  runner.expect_stream(argv_has({"port-forward"}))
      .says(
          "Forwarding from [::1]:33777 -> 6379\nForwarding from 127.0.0.1:x -> 6379\nForwarding from "
          "127.0.0.1:33777\n");
  forward.ensure();
  wait();
  CHECK(forward.port() == 0);
}

TEST_CASE("it ends with the object") {
  FakeRunner runner;
  const Kubectl kubectl(runner, {"", "c", "", "", ""}, "n");
  ChildScript& child = runner.expect_stream(argv_has({"port-forward", "40000:6379"}));
  {
    PortForward forward(runner, kubectl, "redis-0", 6379, 40000);
    forward.ensure();
    CHECK_FALSE(child.ended_by_us());
  }
  CHECK(child.ended_by_us());
}
