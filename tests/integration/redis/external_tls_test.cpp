// A Redis with TLS, reached by its URL, and what client libraries make of what is exported of it.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <signal.h>

#include "base/strings.hpp"
#include "support/cli.hpp"
#include "support/machine.hpp"
#include "support/readers.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_server.hpp"
#include "support/test_certificates.hpp"
#include "support/thrown.hpp"

namespace raibid::external_tls_test {

using namespace raibid::test;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;

namespace {

constexpr const char* password = "not-a-secret-of-anybody";

/// The program, and a redis-server with TLS and a password.
struct TlsCli : Cli {
  explicit TlsCli(bool client_certificates = false, const std::string& conf = {})
      : port(free_port()),
        server(certificates.redis_conf(port, client_certificates) + "requirepass " + password + "\n" + conf) {
    write_atomic(folder() / "pw", std::string(password) + "\n");
    const auto [crt, key] = certificates.write("client", certificates.client());
    own = {"--tls-cert", crt, "--tls-key", key};
  }
  Output ask(Words words, const Words& more = {}) {
    words.insert(words.end(), {"--target", "external"});
    words.insert(words.end(), more.begin(), more.end());
    const Output output = (*this)(words);
    CHECK_FALSE(has(output.out + output.err, "PRIVATE KEY"));
    return output;
  }
  std::string must_end(int status, Words words, const Words& more = {}) {
    const std::string line = shell_join(words);
    const Output output = ask(std::move(words), more);
    INFO(line, "\n", said(output));
    CHECK(output.status == status);
    return output.out + output.err;
  }
  Words url(const std::string& scheme = "rediss") const {
    return {"--url", fmt::format("{}://localhost:{}", scheme, port), "--password-file", (folder() / "pw").string()};
  }
  Words trusting() const {
    Words words = url();
    words.insert(words.end(), {"--tls-ca", certificates.ca_file().string()});
    return words;
  }
  std::string credentials() const { return tree(home()).at("redis-credentials.json"); }

  TestCertificates certificates;
  int port;
  RedisServer server;
  Words own;  ///< flags for a client certificate
};

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace

TEST_CASE("external with TLS: every command, from the URL and then from what setup saved") {
  TlsCli cli;
  cli.must_end(0, {"doctor"}, cli.trusting());
  cli.must_end(0, {"setup", "redis"}, cli.trusting());
  CHECK(has(cli.credentials(), "BEGIN CERTIFICATE"));
  CHECK_FALSE(has(cli.credentials(), "PRIVATE KEY"));
  cli.must_end(0, {"setup", "redis"});
  CHECK(has(cli.must_end(0, {"status"}), "on · 29 days left"));
  cli.must_end(0, {"doctor"});
  cli.must_end(0, {"smoke", "redis"});
  CHECK(cli.must_end(0, {"url", "redis"}) == fmt::format("rediss://localhost:{}\n", cli.port));
  cli.must_end(0, {"queue", "add", R"({"job_id": "1", "job_type": "build", "payload": "{}"})"});
  CHECK(has(cli.must_end(0, {"queue", "stats"}), "raibid:jobs"));
  CHECK(has(cli.must_end(0, {"credentials", "ls"}), "localhost"));
  CHECK(has(cli.must_end(0, {"export", "configmap"}), "ca.crt: |"));
  CHECK(has(cli.must_end(0, {"export", "keda"}), "enableTLS: \"true\""));
  for (const char* what : {"env", "secret", "configmap", "keda"})
    CHECK_FALSE(has(cli.must_end(0, {"export", what}), "PRIVATE KEY"));
  cli.must_end(0, {"teardown", "redis", "--yes"});
}

TEST_CASE("external with TLS and client certificates: the paths are saved, never the key") {
  TlsCli cli(true);
  const std::string without = cli.must_end(3, {"setup", "redis"}, cli.trusting());
  CHECK(has(without, "requires a client certificate, and none was given"));
  CHECK(has(without, "hint: name one by --tls-cert FILE and its key by --tls-key FILE"));
  cli.must_end(0, {"setup", "redis"}, cli.trusting() + cli.own);
  CHECK(has(cli.credentials(), cli.own.at(3)));
  CHECK_FALSE(has(cli.credentials(), "PRIVATE KEY"));
  CHECK(has(cli.must_end(0, {"status"}), "with a client certificate"));
  cli.must_end(0, {"smoke", "redis"});
  fs::remove(cli.own.at(3));
  CHECK(has(cli.must_end(2, {"queue", "stats"}), cli.own.at(3) + " is not there"));
}

TEST_CASE("external with TLS: what goes wrong says why, and its hint helps") {
  TlsCli cli;
  const TestCertificates stranger;
  const std::string foreign = cli.must_end(1, {"queue", "stats"}, cli.url() + Words{"--tls-ca", stranger.ca_file()});
  CHECK(has(foreign, "is signed by a CA that is not trusted here"));
  CHECK(has(foreign, "--tls-ca FILE"));
  CHECK(has(cli.must_end(1, {"queue", "stats"}, cli.url()), "is signed by a CA that is not trusted here"));
  const std::string plain = cli.must_end(1, {"queue", "stats"}, cli.url("redis"));
  CHECK(has(plain, "speaks TLS, and this connection does not"));
  CHECK(has(plain, "hint: write rediss:// instead of redis://"));
  Words other = cli.trusting();
  other.at(1) = fmt::format("rediss://localhost:{}", cli.server.port());
  const std::string no_tls = cli.must_end(1, {"queue", "stats"}, other);
  CHECK(has(no_tls, "does not speak TLS"));
  CHECK(has(no_tls, "hint: write redis:// instead of rediss://"));
}

TEST_CASE("external with TLS: in cluster mode, and on a server that ends idle connections") {
  SUBCASE("cluster mode") {
    TlsCli cli(false, "cluster-enabled yes\n");
    cli.server.connect(password)->command({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"});
    const TimePoint until = cli.runner().now() + 20s;
    while (!has(cli.server.connect(password)->command({"CLUSTER", "INFO"}).text, "cluster_state:ok") &&
           cli.runner().now() < until)
      cli.runner().wait({}, cli.runner().now() + 50ms);
    CHECK(has(cli.must_end(3, {"setup", "redis"}, cli.trusting()), "has no hash tag"));
    cli.must_end(0, {"setup", "redis", "--stream", "{raibid:jobs}"}, cli.trusting());
    cli.must_end(0, {"smoke", "redis"});
  }
  SUBCASE("idle connections are ended") {
    TlsCli cli(false, "timeout 1\n");
    cli.must_end(0, {"setup", "redis"}, cli.trusting());
    cli.must_end(0, {"queue", "add", R"({"job_id": "1", "job_type": "build", "payload": "{}"})"});
    CHECK(has(cli.must_end(0, {"queue", "work", "--until-empty"}, {"--", "sh", "-c", "sleep 3; cat"}), "1 job"));
  }
}

TEST_CASE("connect -- redis-cli speaks TLS, and its files go with it") {
  TlsCli cli(true);
  cli.must_end(0, {"setup", "redis"}, cli.trusting() + cli.own);
  const Output pong = cli({"connect", "redis", "--target", "external", "--", "redis-cli", "ping"});
  INFO(said(pong));
  CHECK(pong.out == "PONG\n");
  const Output shown =
      cli({"connect", "redis", "--target", "external", "--", "sh", "-c",
           "echo $SSL_CERT_FILE; stat -c %a $SSL_CERT_FILE $(dirname $SSL_CERT_FILE); echo $REDIS_URL"});
  INFO(said(shown));
  const std::vector<std::string> lines = split(shown.out, '\n');
  REQUIRE(lines.size() >= 4);
  CHECK_FALSE(fs::exists(lines[0]));
  CHECK(lines[1] == "600");
  CHECK(lines[2] == "700");
  CHECK(lines[3].starts_with("rediss://"));
}

TEST_CASE("client libraries connect with what `export env` gives, and with nothing else") {
  TlsCli cli;
  cli.must_end(0, {"setup", "redis"}, cli.trusting());
  const std::string load = "unset SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS; ";
  const std::string environment = "eval \"$(\"$RAIBID_CLI\" export env --target external --with-password)\"; ";
  const auto with = [&](const std::string& what) { return cli.shell(load + environment + what); };
  const Output redis_cli = with("redis-cli -u \"$RAIBID_REDIS_URL\" --cacert \"$SSL_CERT_FILE\" ping");
  CAPTURE(said(redis_cli));
  CHECK(has(redis_cli.out, "PONG"));
  if (!readers().empty()) {
    const Output go = with(shell_quote(readers()) + " redis-url");
    CAPTURE(said(go));
    CHECK(has(go.out, R"({"asynq":"PONG","go-redis":"PONG"})"));
    const Output distrustful = with("unset SSL_CERT_FILE; " + shell_quote(readers()) + " redis-url");
    CHECK(has(distrustful.err, "certificate signed by unknown authority"));
  }
  const std::string python = "import os, redis; print(redis.from_url(os.environ[\"REDIS_URL\"]).ping())";
  if (attempt({"/usr/bin/python3", "-c", "import redis"}).status != 0) {
    MESSAGE("skipped: redis-py (python3-redis) is not installed");
    return;
  }
  const Output redis_py = with("/usr/bin/python3 -c " + shell_quote(python));
  CAPTURE(said(redis_py));
  CHECK(redis_py.out == "True\n");
}

TEST_CASE("Ctrl-C during a Redis that never answers ends at once, by 130") {
  TcpServer silent([](TcpServer::Connection& client) { client.hang(); });
  const std::string at = fmt::format("127.0.0.1:{}", silent.port());
  for (const auto& [words, scheme] : std::vector<std::pair<Words, std::string>>{{{"queue", "stats"}, "redis"},
                                                                                {{"setup", "redis"}, "redis"},
                                                                                {{"status"}, "redis"},
                                                                                {{"doctor"}, "rediss"}}) {
    Cli cli;
    CAPTURE(shell_join(words));
    Words all = words;
    all.insert(all.end(), {"--target", "external", "--url", scheme + "://" + at});
    int pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto process = cli.start(all);
    cli.runner().observe({});
    Process* const waited = process.get();
    cli.runner().wait({}, cli.runner().now() + 1s);  // it is connected long before, and would wait for five seconds
    REQUIRE_FALSE(process->finished());
    REQUIRE(::kill(pid, SIGINT) == 0);
    const TimePoint sent = cli.runner().now();
    while (!process->finished() && cli.runner().now() < sent + 20s) cli.runner().wait({&waited, 1}, sent + 20s);
    INFO(process->err());
    CHECK(process->status() == 130);
    CHECK(cli.runner().now() - sent < 1s);  // a tenth of a second of its own; the rest is for a busy machine
    CHECK_FALSE(tree(cli.home()).contains("redis-credentials.json"));
  }
}

}  // namespace raibid::external_tls_test
