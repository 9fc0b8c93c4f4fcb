#include "sys/background.hpp"

#include <doctest/doctest.h>

#include <signal.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "support/thrown.hpp"
#include "sys/signals.hpp"
#include "sys/system_runner.hpp"

namespace raibid::background_test {

using namespace std::chrono_literals;

namespace {

struct Machine {
  Signals signals;
  SystemClock clock;
  SystemRunner runner{clock, signals};
};

void until_stopped(const std::atomic<bool>& stop) {
  while (!stop) std::this_thread::yield();
}

}  // namespace

TEST_CASE("background work: join waits for its end, and throws what it threw") {
  Machine machine;
  std::string text;
  Background work([&text](const std::atomic<bool>&) { text = "done"; });
  work.join(machine.runner, machine.clock.now() + 20s);
  CHECK(text == "done");
  Background failing([](const std::atomic<bool>&) { throw Error(ExitCode::failure, "no room"); });
  CHECK(test::error_of([&] { failing.join(machine.runner, machine.clock.now() + 20s); }).message() == "no room");
}

TEST_CASE("background work is stopped by the destructor; join gives up at its deadline") {
  Machine machine;
  Background work(until_stopped);
  CHECK(test::error_of([&] { work.join(machine.runner, machine.clock.now()); }).hint().find("--timeout") !=
        std::string::npos);
}

TEST_CASE("background work gets no signals") {
  Machine machine;
  sigset_t blocked;
  Background work([&blocked](const std::atomic<bool>&) { pthread_sigmask(SIG_BLOCK, nullptr, &blocked); });
  work.join(machine.runner, machine.clock.now() + 20s);
  CHECK(sigismember(&blocked, SIGINT) == 1);
  CHECK(sigismember(&blocked, SIGTERM) == 1);
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  CHECK(sigismember(&blocked, SIGINT) == 0);
}

}  // namespace raibid::background_test
