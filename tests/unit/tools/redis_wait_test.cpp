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

#include <array>
#include <thread>
#include <vector>

namespace raibid::redis_wait_test {

namespace {

using namespace std::chrono_literals;
using namespace test;
using Stopwatch = std::chrono::steady_clock;

/// It takes a tenth of a second; the rest is for a machine that is busy. The servers' time limit is 20 s.
constexpr auto soon = 1s;

/// Sends us SIGINT after a moment.
class Interruption {
 public:
  explicit Interruption(Duration after)
      : m_thread([this, after] {
          std::this_thread::sleep_for(after);
          sent = Stopwatch::now();
          ::kill(::getpid(), SIGINT);
        }) {}
  ~Interruption() { m_thread.join(); }
  std::chrono::nanoseconds since() const { return Stopwatch::now() - sent; }

  Stopwatch::time_point sent{};

 private:
  std::thread m_thread;
};

/// A port of loopback that takes no more connections: to connect there waits.
class FullPort {
 public:
  FullPort() : m_listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(m_listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(m_listener.get(), 0) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(m_listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    m_port = ntohs(address.sin_port);
    for (int i = 0; i < 4; ++i) {
      m_waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(m_waiting.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
  }
  int port() const { return m_port; }

 private:
  UniqueFd m_listener;
  std::vector<UniqueFd> m_waiting;
  int m_port = 0;
};

void hang(TcpServer::Connection& client) { client.hang(); }

}  // namespace

TEST_CASE_FIXTURE(OwnMachine, "Ctrl-C ends the wait for a Redis that never answers") {
  TcpServer silent(hang);
  const auto redis = HiredisConnector(runner).connect({"127.0.0.1", silent.port()}, 20s);
  const std::vector<std::string> large = {"ECHO", std::string(32 << 20, 'x')};
  const Interruption interruption(50ms);
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
  SUBCASE("a request that is not taken") {
    CHECK(signal_of([&] { redis->send(large); }) == SIGINT);
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
  CHECK(interruption.since() < soon);
}

TEST_CASE_FIXTURE(OwnMachine, "an answer that comes right after Ctrl-C is not lost") {
  TcpServer server([&](TcpServer::Connection& client) {
    client.read_until("SET");
    ::kill(::getpid(), SIGINT);
    std::this_thread::sleep_for(30ms);
    client.send("+OK\r\n");
    client.hang();
  });
  const auto redis = HiredisConnector(runner).connect({"127.0.0.1", server.port()}, 20s);
  CHECK(redis->command({"SET", "a", "b"}).text == "OK");
  CHECK(signals.pending() == SIGINT);
}

TEST_CASE_FIXTURE(OwnMachine, "Ctrl-C ends connecting, and the time limit does") {
  FullPort full;
  SUBCASE("Ctrl-C") {
    const Interruption interruption(50ms);
    CHECK(signal_of([&] { HiredisConnector(runner).connect({"127.0.0.1", full.port()}, 20s); }) == SIGINT);
    CHECK(interruption.since() < soon);
  }
  SUBCASE("limit") {
    const auto start = Stopwatch::now();
    const Error error = error_of([&] { HiredisConnector(runner).connect({"127.0.0.1", full.port()}, 300ms); });
    CHECK(has(error.message(), "Connection timed out"));
    CHECK(Stopwatch::now() - start < 2s);
  }
}

TEST_CASE_FIXTURE(OwnMachine, "a name server that never answers: the time limit holds, and Ctrl-C ends it") {
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
    const Interruption interruption(50ms);
    CHECK(signal_of([&] { look_up("a-host", 6379, runner, runner.now() + 20s, never); }) == SIGINT);
    CHECK(interruption.since() < soon);
  }
  ::close(ends[1]);  // the thread that was left behind ends
}

TEST_CASE_FIXTURE(OwnMachine, "an address is used without a name server, a name by one") {
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
