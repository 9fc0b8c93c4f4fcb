#include "fakes/fake_runner.hpp"

#include "fakes/fake_random.hpp"
#include "fakes/fake_reporter.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace raibid;
using namespace std::chrono_literals;

namespace {

Command command(std::vector<std::string> argv) { return {.argv = std::move(argv), .input = {}, .environment = {}}; }

}  // namespace

TEST_CASE("a scripted command answers in a wait, and what it was asked can be read") {
  FakeRunner runner;
  runner.expect(argv_starts({"helm", "version"}), {.status = 3, .out = "v4", .err = "warn"}).after(200ms);
  const TimePoint start = runner.now();
  const auto process = runner.start({.argv = {"helm", "version", "--short"}, .input = "in", .environment = {}});
  CHECK_FALSE(process->finished());
  const std::array<Process*, 1> all{process.get()};
  CHECK_FALSE(runner.wait(all, start + 100ms));
  CHECK(runner.wait(all, start + 1s));
  CHECK(runner.now() == start + 200ms);
  CHECK(process->finished());
  CHECK(process->status() == 3);
  CHECK(process->out() == "v4");
  CHECK(process->err() == "warn");
  CHECK(runner.call("version").input == "in");
}

TEST_CASE("expectations are used in any order, the first unused one that matches answers") {
  FakeRunner runner;
  ChildScript& first = runner.expect(argv_matches("^kubectl .*get"));
  ChildScript& second = runner.expect(argv_has({"kubectl", "get"}));
  ChildScript& third = runner.expect(argv_is({"helm"}));
  (void)runner.start(command({"helm"}));
  (void)runner.start(command({"kubectl", "-n", "x", "get"}));
  CHECK(third.started());
  CHECK(first.started());
  CHECK_FALSE(second.started());
  (void)runner.start(command({"kubectl", "-n", "x", "get"}));
  CHECK(second.started());
}

TEST_CASE("streams speak one chunk a wait, in the order in which the test wrote them down") {
  FakeRunner runner;
  ChildScript& pods = runner.expect_stream(argv_has({"pods"}));
  ChildScript& events = runner.expect_stream(argv_has({"events"}));
  pods.says("a");
  events.says("b");
  pods.says("c").says("late").after(1s);
  const auto p = runner.start(command({"kubectl", "pods"}));
  const auto e = runner.start(command({"kubectl", "events"}));
  const std::array<Process*, 3> all{e.get(), nullptr, p.get()};
  const TimePoint until = runner.now() + 1min;
  CHECK(runner.wait(all, until));
  CHECK(p->out() + "|" + e->out() == "a|");
  CHECK(runner.wait(all, until));
  CHECK(p->out() + "|" + e->out() == "a|b");
  CHECK(runner.wait(all, until));
  CHECK(p->out() == "ac");
  CHECK(runner.wait(all, until));
  CHECK(runner.now() == until - 59s);
  CHECK_FALSE(runner.wait(all, until));
  CHECK(runner.now() == until);
  CHECK_FALSE(pods.ended_by_us());
  p->end();
  CHECK(p->finished());
  CHECK(pods.ended_by_us());
}

TEST_CASE("the named wait is interrupted") {
  FakeRunner runner;
  runner.interrupt_wait(2, SIGTERM);
  CHECK_FALSE(runner.wait({}, runner.now() + 1s));
  try {
    runner.wait({}, runner.now() + 1s);
    FAIL("no interruption");
  } catch (const Interrupted& stop) {
    CHECK(stop.signal() == SIGTERM);
  }
}

TEST_CASE("an unexpected command fails the test" * doctest::should_fail()) {
  FakeRunner runner;
  CHECK_THROWS_AS(runner.start(command({"rm", "-rf"})), std::logic_error);
}

TEST_CASE("an unused expectation fails the test" * doctest::should_fail()) {
  FakeRunner runner;
  runner.expect(argv_is({"helm"}));
}

TEST_CASE("a wait that would never end fails the test" * doctest::should_fail()) {
  FakeRunner runner;
  CHECK_THROWS_AS(runner.wait({}, TimePoint::max()), std::logic_error);
}

TEST_CASE("the fake random gives the named bytes, then counts") {
  FakeRandom random{200, 7};
  std::array<std::uint8_t, 4> bytes{};
  random.fill(bytes);
  CHECK(bytes == std::array<std::uint8_t, 4>{200, 7, 0, 1});
}

TEST_CASE("the fake reporter keeps what it hears") {
  FakeReporter reporter;
  reporter.step_ended("namespace", Mark::unchanged, "there", 20ms);
  CHECK(reporter.has("unchanged: namespace: there"));
  CHECK(reporter.elapsed["namespace"] == 20ms);
  CHECK_FALSE(reporter.confirm("sure?").has_value());
  reporter.answers = {true};
  CHECK(reporter.confirm("sure?").value());
}
