#include "sys/process.hpp"
#include "base/error.hpp"
#include "fakes/fake_runner.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

using namespace raibid;
using namespace std::chrono_literals;

namespace {

Command command(std::vector<std::string> argv) { return {.argv = std::move(argv), .input = {}, .environment = {}}; }

std::string said(const Command& asked, const Output& output) {
  const Error error = child_error(asked, output);
  CHECK(error.code() == ExitCode::failure);
  return error.message();
}

}  // namespace

TEST_CASE("run waits for the end and hands over what was said") {
  FakeRunner runner;
  ChildScript& helm = runner.expect_stream(argv_is({"helm", "version"}));
  helm.says("v3").says_err("warning").says(".17").after(1s).exits(0);
  const Output output = run(runner, command({"helm", "version"}), runner.now() + 5s);
  CHECK(output.ok());
  CHECK(output.out == "v3.17");
  CHECK(output.err == "warning");
  CHECK_FALSE(helm.ended_by_us());
}

TEST_CASE("run ends a child at the deadline and keeps what it said until then") {
  FakeRunner runner;
  ChildScript& helm = runner.expect_stream(argv_is({"helm"}));
  helm.says("working").says("too late").after(10s);
  const TimePoint start = runner.now();
  const Output output = run(runner, command({"helm"}), start + 5s);
  CHECK(output.timed_out);
  CHECK_FALSE(output.ok());
  CHECK(output.out == "working");
  CHECK(helm.ended_by_us());
  CHECK(runner.now() == start + 5s);
}

TEST_CASE("a child that never stops talking does not keep run from its deadline") {
  FakeRunner runner;
  ChildScript& chatty = runner.expect_stream(argv_is({"yes"}));
  for (int i = 0; i < 100; ++i) chatty.says("y").after(1s);
  CHECK(run(runner, command({"yes"}), runner.now() + 5s).timed_out);
}

TEST_CASE("run_all runs side by side and answers in the order of the commands") {
  FakeRunner runner;
  runner.expect(argv_is({"slow"}), {.status = 0, .out = "s", .err = {}}).after(3s);
  runner.expect(argv_is({"fast"}), {.status = 4, .out = "f", .err = {}}).after(1s);
  ChildScript& stuck = runner.expect_stream(argv_is({"stuck"}));
  const TimePoint start = runner.now();
  const std::vector<Command> commands{command({"slow"}), command({"stuck"}), command({"fast"})};
  const std::vector<Output> outputs = run_all(runner, commands, start + 10s);
  REQUIRE(outputs.size() == 3);
  CHECK(outputs[0].out == "s");
  CHECK(outputs[1].timed_out);
  CHECK(outputs[2].status == 4);
  CHECK(stuck.ended_by_us());
  CHECK(runner.now() == start + 10s);
  CHECK(run_all(runner, {}, start).empty());
}

TEST_CASE("an interruption ends every child of run_all") {
  FakeRunner runner;
  ChildScript& first = runner.expect_stream(argv_is({"a"}));
  ChildScript& second = runner.expect_stream(argv_is({"b"}));
  runner.interrupt_wait(1);
  const std::vector<Command> commands{command({"a"}), command({"b"})};
  CHECK_THROWS_AS(run_all(runner, commands, runner.now() + 1s), Interrupted);
  CHECK(first.ended_by_us());
  CHECK(second.ended_by_us());
}

TEST_CASE("run_all does not leave the first child behind when the second cannot be started") {
  FakeRunner runner;
  ChildScript& first = runner.expect_stream(argv_is({"a"}));
  runner.expect_error(argv_is({"b"}), Error(ExitCode::preflight, "b: not found in PATH"));
  const std::vector<Command> commands{command({"a"}), command({"b"})};
  CHECK_THROWS_AS(run_all(runner, commands, runner.now() + 1s), Error);
  CHECK(first.ended_by_us());
}

TEST_CASE("run_checked gives the output or an error") {
  FakeRunner runner;
  runner.expect(argv_is({"helm", "list"}), {.status = 0, .out = "fine", .err = {}});
  CHECK(run_checked(runner, command({"helm", "list"}), runner.now() + 1s).out == "fine");
  runner.expect(argv_is({"helm", "list"}), {.status = 1, .out = {}, .err = "Error: no\n"});
  CHECK_THROWS_AS(run_checked(runner, command({"helm", "list"}), runner.now() + 1s), Error);
}

TEST_CASE("the error of a child names program, subcommand, how it ended and its last words") {
  const Command helm = command({"/usr/bin/helm", "upgrade", "--install", "x"});
  CHECK(said(helm, {.status = 1, .out = {}, .err = "warning\n\nError: no such chart\n \n"}) ==
        "helm upgrade failed with exit code 1: Error: no such chart");
  CHECK(said(helm, {.status = 2, .out = "o", .err = ""}) == "helm upgrade failed with exit code 2");
  CHECK(said(helm, {.status = 128 + SIGKILL, .out = {}, .err = {}}) == "helm upgrade was ended by SIGKILL");
  CHECK(said(helm, {.status = 255, .out = {}, .err = {}}) == "helm upgrade failed with exit code 255");
  CHECK(said(helm, {.status = 143, .out = {}, .err = "x\x1b[1my", .timed_out = true}) ==
        "helm upgrade did not end in time: xy");
  CHECK(said(command({"kubectl", "--context=a", "get", "pods"}), {.status = 1, .out = {}, .err = {}}) ==
        "kubectl get failed with exit code 1");
  CHECK(said(command({"kubectl", "--context", "a", "get"}), {.status = 1, .out = {}, .err = {}}) ==
        "kubectl failed with exit code 1");
  CHECK(said(helm, {.status = 1, .out = {}, .err = std::string(100000, 'x')}).size() < 1100);
}
