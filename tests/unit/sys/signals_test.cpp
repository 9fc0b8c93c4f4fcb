#include "sys/signals.hpp"
#include "base/error.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <stdexcept>

using namespace raibid;

namespace {

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

void (*handler_of(int signal))(int) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

}  // namespace

TEST_CASE("a signal is pending until it is acknowledged") {
  Signals signals;
  CHECK(signals.pending() == 0);
  CHECK_NOTHROW(signals.check());
  CHECK_FALSE(readable(signals.fd()));
  ::raise(SIGINT);
  CHECK(signals.pending() == SIGINT);
  CHECK(readable(signals.fd()));
  try {
    signals.check();
    FAIL_CHECK("not interrupted");
  } catch (const Interrupted& stop) {
    CHECK(stop.signal() == SIGINT);
  }
  signals.acknowledge();
  CHECK(signals.pending() == 0);
  CHECK_FALSE(readable(signals.fd()));
  ::raise(SIGTERM);
  CHECK(signals.pending() == SIGTERM);
  CHECK(readable(signals.fd()));
}

TEST_CASE("the first of several signals counts") {
  Signals signals;
  ::raise(SIGHUP);
  ::raise(SIGINT);
  CHECK(signals.pending() == SIGHUP);
  signals.acknowledge();
  CHECK(signals.pending() == 0);
}

TEST_CASE("the same signal at once again is the same one, later it is another") {
  Signals signals;
  ::raise(SIGINT);
  signals.acknowledge();
  ::raise(SIGINT);
  CHECK(signals.pending() == 0);
  CHECK_FALSE(readable(signals.fd()));
  const timespec later{0, 60'000'000};
  ::nanosleep(&later, nullptr);
  ::raise(SIGINT);
  CHECK(signals.pending() == SIGINT);
}

TEST_CASE("a blocking call comes back when a signal arrives") {
  Signals signals;
  timer_t timer{};
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGTERM;
  REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  const itimerspec soon{{0, 0}, {0, 10'000'000}};
  timer_settime(timer, 0, &soon, nullptr);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  char byte = 0;
  CHECK(::read(ends[0], &byte, 1) == -1);
  CHECK(errno == EINTR);
  ::close(ends[0]);
  ::close(ends[1]);
  timer_delete(timer);
  CHECK(signals.pending() == SIGTERM);
}

TEST_CASE("SIGPIPE is ignored meanwhile, and everything is put back") {
  const auto interrupt = handler_of(SIGINT);
  const auto pipe = handler_of(SIGPIPE);
  {
    Signals signals;
    CHECK((handler_of(SIGINT) != interrupt));
    CHECK((handler_of(SIGPIPE) == SIG_IGN));
  }
  CHECK((handler_of(SIGINT) == interrupt));
  CHECK((handler_of(SIGPIPE) == pipe));
}

TEST_CASE("nohup's wish is kept") {
  const auto before = ::signal(SIGHUP, SIG_IGN);
  {
    Signals signals;
    ::raise(SIGHUP);
    CHECK(signals.pending() == 0);
  }
  CHECK((handler_of(SIGHUP) == SIG_IGN));
  ::signal(SIGHUP, before);
}

TEST_CASE("there is one Signals object at a time") {
  {
    Signals first;
    CHECK_THROWS_AS(Signals(), std::logic_error);
  }
  CHECK_NOTHROW(Signals());
}
