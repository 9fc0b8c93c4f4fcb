#include "tools/redis_client.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "support/machine.hpp"
#include "support/tcp_server.hpp"
#include "support/thrown.hpp"
#include "sys/unique_fd.hpp"
#include "tools/redis_connection.hpp"

using namespace raibid;
using namespace raibid::test;
using namespace std::chrono_literals;

namespace {

/// Gives PINGs in portions, and counts the answers.
class Pings final : public RedisFeed {
 public:
  Pings(std::size_t count, std::size_t portion) : m_left(count), m_portion(portion) {}

  Filled fill(std::string& out) override {
    const std::size_t now = std::min(m_left, m_portion);
    const std::string_view word = "PING";
    for (std::size_t i = 0; i < now; ++i) append_command(out, {&word, 1});
    m_left -= now;
    longest = std::max(longest, out.size());
    return {now, m_left == 0};
  }
  void answer(RedisReply reply) override { answers += reply.text == "PONG" ? 1 : 0; }

  std::size_t answers = 0;
  std::size_t longest = 0;

 private:
  std::size_t m_left;
  std::size_t m_portion;
};

/// Answers each PING; `most` of them.
void serve(TcpServer::Connection& client, std::size_t most) {
  const std::string ping = "*1\r\n$4\r\nPING\r\n";
  std::string text;
  for (std::size_t answered = 0; answered < most;) {
    const std::string more = client.read_until("\r\n");
    if (more.empty()) return;
    text += more;
    std::string answers;
    for (; text.starts_with(ping) && answered < most; ++answered) {
      text.erase(0, ping.size());
      answers += "+PONG\r\n";
    }
    if (!client.send(answers)) return;
  }
}

}  // namespace

TEST_CASE("append_command: words of any bytes") {
  std::string out;
  const std::array<std::string_view, 3> words = {"SET", std::string_view("a\0b", 3), ""};
  append_command(out, words);
  CHECK(out == std::string("*3\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$0\r\n\r\n", 28));
}

TEST_CASE_FIXTURE(Machine, "stream: every command is answered, and only a part of a long row is in memory") {
  constexpr std::size_t count = 100'000;
  TcpServer server([](TcpServer::Connection& client) { serve(client, count); });
  const auto redis = HiredisConnector(runner).connect({"127.0.0.1", server.port()}, 10s);
  Pings pings(count, 50);
  redis->stream(pings);
  CHECK(pings.answers == count);
  CHECK(pings.longest < 400u << 10);
}

TEST_CASE_FIXTURE(Machine, "stream: a feed that has nothing for longer than the timeout is no error") {
  class Slow final : public RedisFeed {
   public:
    explicit Slow(int fd) : m_fd(fd) {}
    Filled fill(std::string& out) override {
      if (++asked < 4) return {0, false};
      const std::string_view word = "PING";
      append_command(out, {&word, 1});
      return {1, true};
    }
    int wait_fd() const override { return m_fd; }
    void answer(RedisReply) override { ++answers; }
    int asked = 0;
    int answers = 0;

   private:
    int m_fd;
  };
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const UniqueFd read(ends[0]), write(ends[1]);
  TcpServer server([](TcpServer::Connection& client) { serve(client, 1); });
  const auto redis = HiredisConnector(runner).connect({"127.0.0.1", server.port()}, 150ms);
  Slow slow(read.get());
  redis->stream(slow);
  CHECK(slow.answers == 1);
}

TEST_CASE_FIXTURE(Machine,
                  "stream: a server that closes or falls silent is an error, and what was answered before is known") {
  {
    TcpServer server([](TcpServer::Connection& client) { serve(client, 300); });
    const auto redis = HiredisConnector(runner).connect({"127.0.0.1", server.port()}, 10s);
    Pings pings(1000, 10);
    CHECK(has(error_of([&] { redis->stream(pings); }).message(), "closed the connection"));
    CHECK(pings.answers == 300);
    CHECK(has(error_of([&] { redis->command({"PING"}); }).message(), "is broken"));
  }
  TcpServer silent([](TcpServer::Connection& client) { client.hang(); });
  const auto redis = HiredisConnector(runner).connect({"127.0.0.1", silent.port()}, 100ms);
  Pings pings(10, 10);
  CHECK(has(error_of([&] { redis->stream(pings); }).message(), "did not answer within"));
}
