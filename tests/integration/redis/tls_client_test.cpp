#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <string>

#include "base/error.hpp"
#include "support/cli.hpp"
#include "support/errors.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_server.hpp"
#include "support/test_certificates.hpp"
#include "support/thrown.hpp"
#include "tools/redis_connection.hpp"
#include "tools/tls_error.hpp"

namespace raibid::tls_client_test {

namespace {

using namespace std::chrono_literals;
using namespace test;

/// A redis-server with TLS on one port and without on another.
struct TlsRedis {
  explicit TlsRedis(const TestCertificates& certificates, bool client_certificates = false)
      : port(free_port()), server(certificates.redis_conf(port, client_certificates)) {}
  int port;
  RedisServer server;
};

std::unique_ptr<RedisConnection> open(int port, std::optional<TlsClient> tls, Duration timeout = 5s) {
  HiredisConnector connector(real_runner());
  RedisEndpoint endpoint;
  endpoint.port = port;
  endpoint.tls = std::move(tls);
  return connect_redis(connector, endpoint, timeout);
}

struct Refusal {
  std::string message;
  std::optional<TlsProblem> problem;
};

Refusal refusal(int port, std::optional<TlsClient> tls, Duration timeout = 5s) {
  try {
    open(port, std::move(tls), timeout);
  } catch (const TlsError& error) {
    CHECK(error.hint() != "");
    return {error.message(), error.problem()};
  } catch (const Error& error) {
    return {error.message(), std::nullopt};
  }
  return {"connected", std::nullopt};
}

class Rows final : public RedisFeed {
 public:
  explicit Rows(std::size_t count) : m_left(count) {}
  Filled fill(std::string& out) override {
    const std::string value(100, 'v');
    const std::array<std::string_view, 3> words = {"RPUSH", "list", value};
    append_command(out, words);
    --m_left;
    return {1, m_left == 0};
  }
  void answer(RedisReply reply) override { last = reply.integer; }
  std::int64_t last = 0;

 private:
  std::size_t m_left;
};

}  // namespace

TEST_CASE("TLS: commands, large ones, a pipeline, a row of commands, messages") {
  const TestCertificates certificates;
  const TlsRedis redis(certificates);
  const auto connection = open(redis.port, certificates.trusting());
  CHECK(connection->command({"PING"}).text == "PONG");
  const std::string large(8 << 20, 'x');
  CHECK(connection->command({"ECHO", large}).text == large);
  std::vector<std::vector<std::string>> commands;
  for (int i = 0; i < 40; ++i) commands.push_back({"ECHO", std::to_string(i) + std::string(1 << 20, 'y')});
  const std::vector<RedisReply> replies = connection->pipeline(commands);
  for (std::size_t i = 0; i < 40; ++i) CHECK(replies[i].text.starts_with(std::to_string(i) + "yyy"));
  commands.assign(100'000, {"PING"});
  CHECK(connection->pipeline(commands).size() == 100'000);
  Rows rows(100'000);
  connection->stream(rows);
  CHECK(rows.last == 100'000);
  CHECK(connection->command({"LRANGE", "list", "0", "-1"}).items.size() == 100'000);
  connection->send({"SUBSCRIBE", "c"});
  CHECK(connection->receive().items.at(0).text == "subscribe");
  redis.server.connect()->command({"PUBLISH", "c", "hello"});
  CHECK(connection->receive().items.at(2).text == "hello");
}

TEST_CASE("TLS: the certificate has to name the server, by name or address") {
  const TestCertificates certificates;
  const TlsRedis redis(certificates);
  for (const std::string name : {"localhost", "my-redis", "MY-REDIS", "my-redis.", "127.0.0.1", ""}) {
    CAPTURE(name);
    CHECK(open(redis.port, certificates.trusting(name))->command({"PING"}).text == "PONG");
  }
  for (const std::string name : {"other", "my-redis.example.com", "127.0.0.2", "redis"}) {
    CAPTURE(name);
    const Refusal seen = refusal(redis.port, certificates.trusting(name));
    CHECK(seen.problem == TlsProblem::wrong_name);
    CHECK(has(seen.message, fmt::format("is not for {}: it names ", name)));
    CHECK(has(seen.message, "my-redis"));
  }
  HiredisConnector connector(real_runner());
  CHECK(read_certificate(connector.served_certificate({"127.0.0.1", redis.port}, 5s), "it").server);
  CHECK(has(error_of([&] {
              connector.served_certificate({"127.0.0.1", redis.server.port()}, 300ms);
            }).message(),
            "no TLS handshake at"));
}

TEST_CASE("TLS: every way not to come together has its own message") {
  const TestCertificates certificates, stranger;
  const TestCertificates expired({"localhost"}, -30, -2), early({"localhost"}, 2, 30);
  const TlsRedis plain(certificates);
  const auto check = [](const Refusal& seen, TlsProblem problem, const std::string& words) {
    CAPTURE(seen.message);
    CHECK(seen.problem == problem);
    CHECK(has(seen.message, words));
  };
  check(refusal(plain.port, stranger.trusting()), TlsProblem::unknown_ca, "signed by a CA that is not trusted here");
  check(refusal(plain.port, TlsClient{.server_name = "localhost"}), TlsProblem::unknown_ca, "not trusted here");
  check(refusal(TlsRedis(expired).port, expired.trusting()), TlsProblem::expired, "has expired at 20");
  check(refusal(TlsRedis(early).port, early.trusting()), TlsProblem::not_yet_valid,
        "is not valid yet, it begins at 20");
  check(refusal(plain.server.port(), certificates.trusting(), 500ms), TlsProblem::not_tls, "does not speak TLS");
  check(refusal(plain.port, std::nullopt), TlsProblem::is_tls, "speaks TLS, and this connection does not");

  TcpServer web([](TcpServer::Connection& client) {
    client.read_until("\x16");
    client.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  check(refusal(web.port(), certificates.trusting()), TlsProblem::not_tls, "does not speak TLS");
  TcpServer closes([](TcpServer::Connection&) {});
  check(refusal(closes.port(), certificates.trusting()), TlsProblem::other, "closed the connection during the TLS");
  CHECK_FALSE(refusal(closes.port(), std::nullopt).problem);
  TcpServer silent([](TcpServer::Connection& client) { client.hang(); });
  check(refusal(silent.port(), certificates.trusting(), 200ms), TlsProblem::other, "did not answer the TLS handshake");
}

TEST_CASE("TLS: client certificates, with both versions") {
  const TestCertificates certificates, stranger;
  for (const std::string version : {"TLSv1.2", "TLSv1.3"}) {
    CAPTURE(version);
    const int port = free_port();
    const RedisServer server(certificates.redis_conf(port, true) + "tls-protocols \"" + version + "\"\n");
    const auto showing = [&](const KeyPair& pair) {
      TlsClient client = certificates.trusting();
      client.certificate = pair.certificate;
      client.key = pair.key;
      return client;
    };
    CHECK(open(port, showing(certificates.client()))->command({"PING"}).text == "PONG");
    const Refusal missing = refusal(port, certificates.trusting());
    CAPTURE(missing.message);
    CHECK(missing.problem == TlsProblem::needs_certificate);
    CHECK(has(missing.message, "requires a client certificate, and none was given"));
    const Refusal foreign = refusal(port, showing(stranger.client()));
    CAPTURE(foreign.message);
    CHECK(foreign.problem == TlsProblem::refuses_certificate);
    CHECK(has(foreign.message, "does not take our client certificate"));
    const Refusal old = refusal(port, showing(certificates.client(-30, -2)));
    CAPTURE(old.message);
    CHECK(old.problem == TlsProblem::refuses_certificate);
  }
}

TEST_CASE("TLS: certificates and keys of ours that cannot be used are a mistake of the caller's") {
  const TestCertificates certificates;
  const KeyPair one = certificates.client(), other = certificates.client();
  const auto refused = [&](const std::string& ca, const std::string& certificate, const std::string& key) {
    const Error error = error_of([&] { open(free_port(), TlsClient{"localhost", ca, certificate, Secret(key)}); });
    CHECK(error.code() == ExitCode::usage);
    CHECK(error.hint() != "");
    return error.message();
  };
  CHECK(refused("no PEM", "", "") == "the CA has no certificate in PEM");
  CHECK(refused("", one.certificate, "") == "there is a client certificate without its key");
  CHECK(refused("", "", one.key.reveal()) == "there is a key without its certificate");
  CHECK(refused("", one.certificate, other.key.reveal()) == "the key does not belong to the client certificate");
  CHECK(refused("", "no PEM", one.key.reveal()) == "the client certificate is not in PEM");
  CHECK(has(refused("", one.certificate, "no PEM"), "is not in PEM, or needs a passphrase"));
  const std::string sealed = must({"openssl", "pkey", "-aes256", "-passout", "pass:x"}, one.key.reveal());
  CHECK(has(refused("", one.certificate, sealed), "needs a passphrase"));
}

TEST_CASE("TLS: a server that ends the connection, and one that ends in the middle of an answer") {
  const TestCertificates certificates;
  TlsRedis redis(certificates);
  const auto connection = open(redis.port, certificates.trusting());
  const auto other = open(redis.port, certificates.trusting());
  other->command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  CHECK(has(error_of([&] { connection->command({"PING"}); }).message(), "closed the connection"));
  redis.server.stop();
  CHECK(has(error_of([&] { other->command({"PING"}); }).message(), "closed the connection"));
}

}  // namespace raibid::tls_client_test
