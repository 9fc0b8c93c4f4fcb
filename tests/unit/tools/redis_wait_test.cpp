#include "base/error.hpp"
#include "support/machine.hpp"
#include "support/tcp_server.hpp"
#include "support/thrown.hpp"
#include "sys/unique_fd.hpp"
#include "tools/name_lookup.hpp"
#include "tools/redis_client.hpp"
#include "tools/redis_connection.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace raibid::redis_wait_test {

namespace {

using namespace std::chrono_literals;
using namespace test;
using Stopwatch = std::chrono::steady_clock;

/// It takes a tenth of a second; the rest is for a machine that is busy. The servers' time limit is 20 s.
constexpr auto soon = 1s;

/// A machine on which SIGINT comes at a time, and stays until somebody acknowledges it. The program's own way from the
/// signal to here is tested with the program.
struct SignalledMachine : Machine {
  class Signalled final : public Runner {
   public:
    explicit Signalled(Runner& inner) : m_inner(inner) {}
    std::unique_ptr<Process> start(const Command& command) override { return m_inner.start(command); }
    TimePoint now() const override { return m_inner.now(); }
    bool wait(std::span<Process* const> processes, TimePoint until) override {
      if (now() >= at) throw Interrupted(SIGINT);
      const bool news = m_inner.wait(processes, std::min(until, at));
      if (now() >= at) throw Interrupted(SIGINT);
      return news;
    }
    TimePoint at = TimePoint::max();

   private:
    Runner& m_inner;
  };

  void signal_in(Duration time) { runner.at = runner.now() + time; }
  Duration since_signal() const { return std::chrono::duration_cast<Duration>(runner.now() - runner.at); }

  Signalled runner{Machine::runner};
};

/// A server of loopback that takes a connection and reads nothing.
class DeafPort {
 public:
  DeafPort() : m_listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(m_listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(m_listener.get(), 0) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(m_listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    m_port = ntohs(address.sin_port);
  }
  int port() const { return m_port; }

 private:
  UniqueFd m_listener;
  int m_port = 0;
};

/// One that takes no more connections: to connect there waits.
class FullPort : public DeafPort {
 public:
  FullPort() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port()));
    for (int i = 0; i < 4; ++i) {
      m_waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(m_waiting.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
  }

 private:
  std::vector<UniqueFd> m_waiting;
};

void hang(TcpServer::Connection& client) { client.hang(); }

}  // namespace

TEST_CASE_FIXTURE(SignalledMachine, "Ctrl-C ends the wait for a Redis that never answers") {
  TcpServer silent(hang);
  const auto redis = HiredisConnector(runner).connect({"127.0.0.1", silent.port()}, 20s);
  signal_in(50ms);
  SUBCASE("command") {
    CHECK(signal_of([&] { redis->command({"PING"}); }) == SIGINT);
  }
  SUBCASE("pipeline") {
    CHECK(signal_of([&] { redis->pipeline({{"PING"}, {"PING"}}); }) == SIGINT);
  }
  SUBCASE("receive") {
    redis->send({"SUBSCRIBE", "a"});
    CHECK(signal_of([&] { redis->receive(); }) == SIGINT);
  }
  SUBCASE("stream") {
    struct Endless final : RedisFeed {
      Filled fill(std::string& out) override {
        const std::string_view word = "PING";
        append_command(out, {&word, 1});
        return {1, false};
      }
      void answer(RedisReply) override {}
    } feed;
    CHECK(signal_of([&] { redis->stream(feed); }) == SIGINT);
  }
  CHECK(since_signal() < soon);
}

TEST_CASE_FIXTURE(SignalledMachine, "Ctrl-C ends the wait for a Redis that takes no request") {
  const DeafPort deaf;
  const auto redis = HiredisConnector(runner).connect({"127.0.0.1", deaf.port()}, 20s);
  const std::vector<std::string> large = {"ECHO", std::string(32 << 20, 'x')};
  signal_in(50ms);
  CHECK(signal_of([&] { redis->send(large); }) == SIGINT);
  CHECK(since_signal() < soon);
}

TEST_CASE_FIXTURE(SignalledMachine, "an answer that comes right after Ctrl-C is not lost") {
  TcpServer server([&](TcpServer::Connection& client) {
    client.read_until("SET");
    std::this_thread::sleep_for(60ms);
    client.send("+OK\r\n");
    client.hang();
  });
  const auto redis = HiredisConnector(runner).connect({"127.0.0.1", server.port()}, 20s);
  signal_in(30ms);
  CHECK(redis->command({"SET", "a", "b"}).text == "OK");
  CHECK(signal_of([&] { redis->command({"GET", "a"}); }) == SIGINT);
}

TEST_CASE_FIXTURE(SignalledMachine, "Ctrl-C ends connecting, and the time limit does") {
  FullPort full;
  SUBCASE("Ctrl-C") {
    signal_in(50ms);
    CHECK(signal_of([&] { HiredisConnector(runner).connect({"127.0.0.1", full.port()}, 20s); }) == SIGINT);
    CHECK(since_signal() < soon);
  }
  SUBCASE("limit") {
    const auto start = Stopwatch::now();
    const Error error = error_of([&] { HiredisConnector(runner).connect({"127.0.0.1", full.port()}, 300ms); });
    CHECK(has(error.message(), "Connection timed out"));
    CHECK(Stopwatch::now() - start < 2s);
  }
}

TEST_CASE_FIXTURE(SignalledMachine, "a name server that never answers: the time limit holds, and Ctrl-C ends it") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const NameLookup never = [from = ends[0]](const char*, const char*, const addrinfo*, addrinfo**) {
    char byte = 0;
    [[maybe_unused]] const ssize_t got = ::read(from, &byte, 1);
    return EAI_AGAIN;
  };
  SUBCASE("limit") {
    const auto start = Stopwatch::now();
    const Error error = error_of([&] { look_up("a-host", 6379, runner, runner.now() + 200ms, never); });
    CHECK(error.message() == "cannot find Redis' host a-host: no name server answered within 0.2 s");
    CHECK(Stopwatch::now() - start < 2s);
  }
  SUBCASE("Ctrl-C") {
    signal_in(50ms);
    CHECK(signal_of([&] { look_up("a-host", 6379, runner, runner.now() + 20s, never); }) == SIGINT);
    CHECK(since_signal() < soon);
  }
  ::close(ends[1]);  // the thread that was left behind ends
}

TEST_CASE_FIXTURE(SignalledMachine, "an address is used without a name server, a name by one") {
  const NameLookup refuses = [](const char*, const char*, const addrinfo*, addrinfo**) { return EAI_NONAME; };
  const TimePoint until = runner.now() + 10s;
  CHECK(look_up("127.0.0.1", 1, runner, until, refuses) != nullptr);
  CHECK(look_up("::1", 1, runner, until, refuses) != nullptr);
  CHECK(has(error_of([&] { look_up("no-host", 1, runner, until, refuses); }).message(),
            "cannot find Redis' host no-host"));
  const Addresses here = look_up("localhost", 7, runner, until);
  REQUIRE(here != nullptr);
}

}  // namespace raibid::redis_wait_test
