#include "base/error.hpp"
#include "support/cli.hpp"
#include "support/machine.hpp"
#include "support/tcp_server.hpp"
#include "tools/redis_client.hpp"
#include "tools/redis_connection.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <string>

namespace raibid::tools_redis_test {

using namespace std::chrono_literals;

namespace {

using Type = RedisReply::Type;
using Stopwatch = std::chrono::steady_clock;

/// A redis-server of this machine with these lines of configuration, without persistence.
class RedisServer {
 public:
  explicit RedisServer(Runner& runner, const std::string& configuration = {}) : m_port(free_port()) {
    m_process =
        runner.start({{"redis-server", "-"},
                      fmt::format("port {}\nbind 127.0.0.1\nsave \"\"\ndaemonize no\n{}\n", m_port, configuration),
                      {}});
    const std::array<Process*, 1> processes = {m_process.get()};
    while (m_process->out().find("Ready to accept connections") == std::string::npos) {
      REQUIRE_FALSE(m_process->finished());
      REQUIRE(runner.wait(processes, runner.now() + 10s));
    }
  }
  int port() const { return m_port; }
  void end() { m_process->end(); }

 private:
  int m_port;
  std::unique_ptr<Process> m_process;
};

std::unique_ptr<RedisConnection> connect(int port, Duration timeout = 2s) {
  return HiredisConnector(test::real_runner()).connect({"127.0.0.1", port}, timeout);
}

struct Failure {
  std::string message;
  Duration took;
};

/// What goes wrong when this server is asked, and how soon.
Failure failure_of(int port, Duration timeout, std::vector<std::string> command = {"PING"}) {
  const auto start = Stopwatch::now();
  try {
    connect(port, timeout)->command(command);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::failure);
    return {error.message(), std::chrono::duration_cast<Duration>(Stopwatch::now() - start)};
  }
  return {"no error", 0ms};
}

std::string refusal(int port, const std::string& password, const std::string& user = "") {
  HiredisConnector connector(test::real_runner());
  try {
    connect_redis(connector, {"127.0.0.1", port, user, Secret(password)}, 2s);
  } catch (const Error& error) {
    return error.message();
  }
  return "connected";
}

bool begins(const std::string& text, std::string_view with) { return text.compare(0, with.size(), with) == 0; }

}  // namespace

TEST_CASE_FIXTURE(Machine, "replies of every kind, binary safe") {
  RedisServer server(runner);
  const auto redis = connect(server.port());
  CHECK(redis->command({"PING"}).text == "PONG");
  CHECK(redis->command({"PING"}).type == Type::status);
  const std::string binary("a\0b\r\n\xff$-1", 9);
  CHECK(redis->command({"SET", "k", binary}).text == "OK");
  CHECK(redis->command({"GET", "k"}).text == binary);
  CHECK(redis->command({"GET", "k"}).type == Type::string);
  CHECK(redis->command({"GET", "none"}).is_nil());
  CHECK(redis->command({"DEL", "k", "none"}).integer == 1);
  CHECK(redis->command({"LRANGE", "none", "0", "-1"}).type == Type::array);
  const RedisReply wrong = redis->command({"NOSUCH", "x"});
  CHECK(wrong.is_error());
  CHECK(wrong.error_code() == "ERR");
  CHECK(redis->command({"CONFIG", "GET", "appendonly"}).field("appendonly")->text == "no");
  CHECK(redis->command({"SET", "empty", ""}).text == "OK");
  CHECK(redis->command({"GET", "empty"}).type == Type::string);
}

TEST_CASE_FIXTURE(Machine, "nested arrays") {
  RedisServer server(runner);
  const auto redis = connect(server.port());
  CHECK(redis->command({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"}).text == "OK");
  CHECK(redis->command({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"}).error_code() == "BUSYGROUP");
  redis->command({"XADD", "s", "1-1", "a", "b", "c", "d"});
  redis->command({"XADD", "s", "1-2", "e", "f"});
  const RedisReply read = redis->command({"XREADGROUP", "GROUP", "g", "me", "COUNT", "9", "STREAMS", "s", ">"});
  REQUIRE(read.items.size() == 1);
  const RedisReply& entries = read.items[0].items.at(1);
  REQUIRE(entries.items.size() == 2);
  CHECK(entries.items[0].items.at(0).text == "1-1");
  CHECK(entries.items[0].items.at(1).items.at(3).text == "d");
  CHECK(entries.items[1].items.at(1).field("e")->text == "f");
  CHECK(redis->command({"XINFO", "STREAM", "s", "FULL"}).field("groups")->items.at(0).field("name")->text == "g");
}

TEST_CASE_FIXTURE(Machine, "a pipeline of any size, in order") {
  RedisServer server(runner);
  const auto redis = connect(server.port(), 10s);
  std::vector<std::vector<std::string>> commands;
  const std::string large(1 << 20, 'x');  // 32 MiB each way: neither side may wait for the other
  for (int i = 0; i < 32; ++i) commands.push_back({"ECHO", std::to_string(i) + large});
  const std::vector<RedisReply> replies = redis->pipeline(commands);
  REQUIRE(replies.size() == 32);
  for (int i = 0; i < 32; ++i) CHECK(begins(replies[static_cast<std::size_t>(i)].text, std::to_string(i) + "xxx"));
  CHECK(redis->pipeline({}).empty());
  CHECK(redis->pipeline({{"NOSUCH"}, {"PING"}})[1].text == "PONG");
}

TEST_CASE("a server that reads on only when its answer was taken") {
  TcpServer strict([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send("$33554432\r\n" + std::string(32 << 20, 'x') + "\r\n+OK\r\n");
    peer.hang();
  });
  const auto replies = connect(strict.port(), 5s)->pipeline({{"PING"}, {"ECHO", std::string(32 << 20, 'y')}});
  CHECK(replies[0].text.size() == 32 << 20);
  CHECK(replies[1].text == "OK");
}

TEST_CASE_FIXTURE(Machine, "INFO of a real Redis") {
  RedisServer server(runner);
  const auto info = parse_info(connect(server.port())->command({"INFO"}).text);
  CHECK(info.at("tcp_port") == std::to_string(server.port()));
  CHECK(info.count("maxmemory") == 1);
  CHECK(info.at("role") == "master");
}

TEST_CASE_FIXTURE(Machine, "logins") {
  RedisServer open(runner);
  RedisServer closed(runner, "requirepass geheim\nuser health on nopass -@all +ping");
  CHECK(refusal(open.port(), "") == "connected");
  CHECK(begins(refusal(open.port(), "geheim"), fmt::format("Redis at 127.0.0.1:{} has no password set", open.port())));
  CHECK(refusal(closed.port(), "geheim") == "connected");
  CHECK(refusal(closed.port(), "geheim", "default") == "connected");
  CHECK(refusal(closed.port(), "whatever", "health") == "connected");
  CHECK(begins(refusal(closed.port(), ""), fmt::format("Redis at 127.0.0.1:{} asks for a password", closed.port())));
  for (const std::string& message : {refusal(closed.port(), "falsch"), refusal(closed.port(), "geheim", "nobody")}) {
    CHECK(begins(message, fmt::format("Redis at 127.0.0.1:{} refuses the password", closed.port())));
    CHECK(message.find("falsch") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(Machine, "no more clients, and a writing that fails") {
  RedisServer full(runner, "maxclients 1");
  const auto first = connect(full.port());
  CHECK(first->command({"PING"}).text == "PONG");
  CHECK(refusal(full.port(), "").find("max number of clients reached") != std::string::npos);

  RedisServer small(runner, "maxmemory 100kb");
  const auto redis = connect(small.port());
  CHECK(redis->command({"SET", "b", "c"}).error_code() == "OOM");
}

TEST_CASE("nobody there") {
  const int port = free_port();
  const Failure refused = failure_of(port, 2s);
  CHECK(refused.message == fmt::format("cannot connect to Redis at 127.0.0.1:{}: Connection refused", port));
  CHECK_THROWS_AS(HiredisConnector(test::real_runner()).connect({"no such host", 1}, 1s), Error);
}

TEST_CASE_FIXTURE(Machine, "a Redis that goes while we are connected") {
  RedisServer server(runner);
  const auto redis = connect(server.port());
  CHECK(redis->command({"PING"}).text == "PONG");
  server.end();
  CHECK_THROWS_AS(redis->command({"PING"}), Error);
  CHECK_THROWS_WITH(redis->command({"PING"}),
                    fmt::format("the connection to Redis at 127.0.0.1:{} is broken", server.port()).c_str());
}

TEST_CASE_FIXTURE(Machine, "a command that waits does not keep us") {
  RedisServer server(runner);
  const auto sleeper = connect(server.port(), 300ms);
  const auto start = Stopwatch::now();
  CHECK_THROWS_AS(sleeper->command({"BLPOP", "nothing", "3"}), Error);
  const auto took = Stopwatch::now() - start;
  CHECK(took >= 300ms);
  CHECK(took < 2s);
}

TEST_CASE("what is not a Redis") {
  TcpServer silent([](TcpServer::Connection& peer) { peer.hang(); });
  const Failure late = failure_of(silent.port(), 300ms);
  CHECK(late.message == fmt::format("Redis at 127.0.0.1:{} did not answer within 0.3 s", silent.port()));
  CHECK(late.took >= 300ms);
  CHECK(late.took < 2s);

  TcpServer closing([](TcpServer::Connection& peer) { peer.read_until("PING"); });
  CHECK(begins(failure_of(closing.port(), 5s).message,
               fmt::format("Redis at 127.0.0.1:{} closed the connection", closing.port())));

  TcpServer half([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send("*2\r\n$3\r\nab");
    peer.hang();
  });
  CHECK(failure_of(half.port(), 300ms).message ==
        fmt::format("Redis at 127.0.0.1:{} did not end its answer within 0.3 s", half.port()));

  TcpServer cut([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send("$100\r\nab");
  });
  CHECK(begins(failure_of(cut.port(), 5s).message,
               fmt::format("Redis at 127.0.0.1:{} closed the connection in the middle of an answer", cut.port())));

  TcpServer http([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n400 Bad Request");
  });
  const Failure other = failure_of(http.port(), 5s);
  CHECK(begins(
      other.message,
      fmt::format("what answers at 127.0.0.1:{} is not Redis: it says \"HTTP/1.1 400 Bad Request", http.port())));
  CHECK(other.message.find('\r') == std::string::npos);

  TcpServer tls([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send(std::string_view("\x15\x03\x01\x00\x02\x02\x0a", 7));
  });
  CHECK(begins(failure_of(tls.port(), 5s).message, "what answers at"));
}

TEST_CASE("a server that sends a byte now and then does not keep us") {
  TcpServer slow([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send("$1000\r\n");
    while (peer.send("x")) std::this_thread::sleep_for(20ms);
  });
  const Failure late = failure_of(slow.port(), 300ms);
  CHECK(begins(late.message, "Redis at"));
  CHECK(late.took < 1500ms);
}

TEST_CASE("answers have a limit") {
  TcpServer endless([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send("$2147483000\r\n");
    const std::string much(1 << 20, 'x');
    for (int i = 0; i < 80; ++i) peer.send(much);
  });
  CHECK(failure_of(endless.port(), 20s).message.find("sends an answer larger than 64 MiB") != std::string::npos);

  TcpServer many([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send("*2000000000\r\n");
    std::string items;
    for (int i = 0; i < 1'100'000; ++i) items += ":1\r\n";
    peer.send(items);
  });
  CHECK(failure_of(many.port(), 20s).message.find("or 1000000 items") != std::string::npos);

  TcpServer deep([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    std::string nested;
    for (int i = 0; i < 100'000; ++i) nested += "*1\r\n";
    peer.send(nested);
  });
  CHECK(failure_of(deep.port(), 20s).message.find("is not Redis") != std::string::npos);
}

TEST_CASE("protected mode, whose server says why and hangs up at once") {
  TcpServer guarded([](TcpServer::Connection& peer) {
    peer.send(
        "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the "
        "default user.\r\n");
  });
  CHECK(refusal(guarded.port(), "").find("protected mode") != std::string::npos);
  CHECK(refusal(guarded.port(), "geheim").find("protected mode") != std::string::npos);
}

TEST_CASE("a Redis that loads its data is connected to") {
  TcpServer loading([](TcpServer::Connection& peer) {
    peer.read_until("PING");
    peer.send("-LOADING Redis is loading the dataset in memory\r\n");
    peer.hang();
  });
  CHECK(refusal(loading.port(), "") == "connected");
}

}  // namespace raibid::tools_redis_test
