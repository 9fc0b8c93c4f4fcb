// TLS on a real redis-server of this machine: certificates, their renewal and their faults.
#include <doctest/doctest.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/stat.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "base/strings.hpp"
#include "components/redis/server/certificates.hpp"
#include "support/cli.hpp"
#include "support/readers.hpp"
#include "support/secret_scan.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "tools/certificate.hpp"
#include "tools/served_certificate.hpp"

namespace raibid::tls_test {

namespace {

using namespace raibid::test;
using Words = std::vector<std::string>;
using nlohmann::json;
using std::chrono::hours;

constexpr hours day{24};
WallTime now() { return std::chrono::system_clock::now(); }

/// A Redis of this machine that does not outlive its test.
class TlsCli : public Cli {
 public:
  ~TlsCli() { local("teardown", {"--yes", "--delete-data"}); }

  Output local(const std::string& verb, Words more = {}) {
    more.insert(more.begin(), {verb, "redis", "--target", "local"});
    return (*this)(more);
  }
  Output rotate(Words more = {}) {
    more.insert(more.begin(), {"tls", "rotate", "redis", "--target", "local"});
    return (*this)(more);
  }
  fs::path instance() const { return home() / "local" / "raibid-redis"; }
  fs::path tls() const { return instance() / "tls"; }
  std::string tls_file(const std::string& name) const { return read_file(tls() / name).value_or(""); }
  json state() const { return json::parse(read_file(instance() / "state.json").value()); }
  json credentials() const { return json::parse(read_file(home() / "redis-credentials.json").value()); }
  int port() const { return state().at("port"); }
  int pid() { return json::parse(local("status", {"-o", "json"}).out).at("pid"); }
  std::string password() const { return credentials().at("password"); }
  json status() { return json::parse(local("status", {"-o", "json"}).out); }

  json check(const std::string& name) {
    const json all = status();
    for (const json& one : all.at("checks")) {
      if (one.at("name") == name) return one;
    }
    return nullptr;
  }
  std::string served() const {
    return served_certificate_at("127.0.0.1", port(), real_runner(), real_runner().now() + std::chrono::seconds(5));
  }
  CertificateFacts served_facts() const { return read_certificate(served(), "served"); }

  /// Puts these certificates where the instance has its own.
  void replace(const SecretContent& content) const {
    for (const auto& [key, value] : content) write_own_file(tls() / key, value.reveal());
  }
  CertificateSpec spec() const { return {"raibid-redis", {"127.0.0.1", "localhost"}, "here"}; }

  std::string file(const std::string& name, const std::string& content) const {
    write_own_file(folder() / name, content);
    return folder() / name;
  }
  /// A folder as --tls-secret takes it.
  fs::path folder_of(const std::string& name, const KeyPair& pair, const std::string& ca) const {
    const fs::path path = folder() / name;
    make_private_directory(path);
    write_own_file(path / "tls.crt", pair.certificate);
    write_own_file(path / "tls.key", pair.key.reveal());
    write_own_file(path / "ca.crt", ca);
    return path;
  }
};

std::string plain(int port, const std::string& password, const Words& command) {
  Words words = {"redis-cli", "--no-auth-warning", "-h", "127.0.0.1", "-p", std::to_string(port), "-a", password};
  words.insert(words.end(), command.begin(), command.end());
  return std::string(trim(attempt(words).out + attempt(words).err));
}

std::string over_tls(const TlsCli& cli, const Words& command, Words more = {}) {
  Words words = {"redis-cli",
                 "--no-auth-warning",
                 "-h",
                 "127.0.0.1",
                 "-p",
                 std::to_string(cli.port()),
                 "-a",
                 cli.password(),
                 "--tls",
                 "--cacert",
                 (cli.tls() / "ca.crt").string()};
  words.insert(words.end(), more.begin(), more.end());
  words.insert(words.end(), command.begin(), command.end());
  const Output output = attempt(words);
  return std::string(trim(output.out + output.err));
}

/// One connection by OpenSSL alone, which verifies chain and address and answers a command.
class TlsConnection {
 public:
  TlsConnection(int port, const std::string& ca, const std::string& password) {
    m_context = SSL_CTX_new(TLS_client_method());
    BIO* const text = BIO_new_mem_buf(ca.data(), static_cast<int>(ca.size()));
    while (X509* const one = PEM_read_bio_X509(text, nullptr, nullptr, nullptr)) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(m_context), one);
      X509_free(one);
    }
    BIO_free(text);
    ERR_clear_error();
    SSL_CTX_set_verify(m_context, SSL_VERIFY_PEER, nullptr);
    m_stream = BIO_new_ssl_connect(m_context);
    SSL* ssl = nullptr;
    BIO_get_ssl(m_stream, &ssl);
    SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1");
    BIO_set_conn_hostname(m_stream, ("127.0.0.1:" + std::to_string(port)).c_str());
    if (BIO_do_handshake(m_stream) != 1) {
      const long result = SSL_get_verify_result(ssl);
      m_problem = result == X509_V_OK ? "no handshake" : X509_verify_cert_error_string(result);
    } else {
      ask("AUTH " + password);
    }
    ERR_clear_error();
  }
  ~TlsConnection() {
    BIO_free_all(m_stream);
    SSL_CTX_free(m_context);
  }
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  /// Sends a line; a problem when its answer is an error or does not come.
  void ask(const std::string& line) {
    if (!m_problem.empty()) return;
    const std::string text = line + "\r\n";
    std::array<char, 256> answer{};
    const bool sent = BIO_write(m_stream, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
    const int size = sent ? BIO_read(m_stream, answer.data(), static_cast<int>(answer.size())) : -1;
    if (size <= 0) m_problem = "cut";
    if (size > 0 && answer[0] == '-') m_problem = std::string(answer.data(), static_cast<std::size_t>(size));
  }
  const std::string& problem() const { return m_problem; }

 private:
  SSL_CTX* m_context = nullptr;
  BIO* m_stream = nullptr;
  std::string m_problem;
};

std::string why_not(const TlsCli& cli, const std::string& ca) {
  TlsConnection connection(cli.port(), ca, cli.password());
  connection.ask("PING");
  return connection.problem();
}

/// One client that connects for each command, and one that stays, both over TLS; what fails is remembered.
class TlsLoad {
 public:
  TlsLoad(int port, std::string password, std::string ca)
      : m_port(port), m_password(std::move(password)), m_ca(std::move(ca)) {
    m_threads.emplace_back([this] { come_and_go(); });
    m_threads.emplace_back([this] { stay(); });
  }
  ~TlsLoad() {
    m_ends = true;
    for (std::thread& thread : m_threads) thread.join();
  }
  TlsLoad(const TlsLoad&) = delete;
  TlsLoad& operator=(const TlsLoad&) = delete;

  void trust(const std::string& ca) {
    const std::lock_guard<std::mutex> held(m_lock);
    m_ca = ca;
  }
  void wait_for_more() const {
    const int come = m_come, stay = m_stay;
    const TimePoint until = real_runner().now() + std::chrono::seconds(30);
    while ((m_come < come + 3 || m_stay < stay + 3) && real_runner().now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(m_come >= come + 3);
    CHECK(m_stay >= stay + 3);
  }
  std::string done() const { return fmt::format("{} new connections, {} commands over one", m_come, m_stay); }
  std::string failed() {
    const std::lock_guard<std::mutex> held(m_lock);
    return m_failed;
  }

 private:
  void note(const std::string& who, const TlsConnection& connection) {
    if (connection.problem().empty()) return;
    const std::lock_guard<std::mutex> held(m_lock);
    m_failed += who + ": " + connection.problem() + "\n";
  }
  std::string ca() {
    const std::lock_guard<std::mutex> held(m_lock);
    return m_ca;
  }
  void come_and_go() {
    while (!m_ends) {
      TlsConnection connection(m_port, ca(), m_password);
      connection.ask("INCR come");
      note("come", connection);
      ++m_come;
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  }
  void stay() {
    TlsConnection connection(m_port, ca(), m_password);
    while (!m_ends && connection.problem().empty()) {
      connection.ask("INCR stay");
      ++m_stay;
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    note("stay", connection);
  }

  int m_port;
  std::string m_password;
  std::string m_ca;
  std::mutex m_lock;
  std::string m_failed;
  std::atomic<bool> m_ends{false};
  std::atomic<int> m_come{0}, m_stay{0};
  std::vector<std::thread> m_threads;
};

}  // namespace

TEST_CASE("tls: setup speaks TLS alone, and a second setup changes nothing") {
  TlsCli cli;
  const Output first = cli.local("setup", {"--tls"});
  INFO(said(first));
  REQUIRE(first.status == 0);
  CHECK(over_tls(cli, {"PING"}) == "PONG");
  CHECK(has(plain(cli.port(), cli.password(), {"PING"}), "Error"));
  CHECK(why_not(cli, cli.tls_file("ca.crt")).empty());
  CHECK(has(why_not(cli, make_ca("another", now(), now() + day).certificate), "certificate"));
  CHECK(cli.credentials().at("tls") == true);
  CHECK(cli.credentials().at("ca_certificate") == cli.tls_file("ca.crt"));
  struct stat status {};
  REQUIRE(::stat(cli.tls().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  for (const auto& entry : fs::directory_iterator(cli.tls())) {
    REQUIRE(::stat(entry.path().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  const json health = cli.status();
  CHECK(health.at("healthy") == true);
  CHECK(health.at("tls").at("from") == "own");
  CHECK(health.at("tls").at("days_left") >= 3649);
  CHECK(health.at("tls").at("port") == cli.port());
  CHECK(health.at("tls").at("fingerprint") == read_certificate(cli.tls_file("tls.crt"), "x").fingerprint);
  const std::map<std::string, std::string> before = tree(cli.tls());
  const int pid = cli.pid();
  for (const Words& again : {Words{}, Words{"--tls"}}) {
    const Output second = cli.local("setup", again);
    INFO(said(second));
    CHECK(second.status == 0);
    CHECK(has(second.out, "Nothing changed"));
  }
  CHECK(tree(cli.tls()) == before);
  CHECK(cli.pid() == pid);
  CHECK(cli.local("doctor").status == 0);
  CHECK(cli.local("smoke").status == 0);
}

TEST_CASE("tls: on and off again are restarts that are asked for, and keep port, data and CA") {
  TlsCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const int port = cli.port();
  plain(port, cli.password(), {"SET", "a", "1"});
  const Output asks = cli.local("setup", {"--tls"});
  CHECK(asks.status == 2);
  CHECK(has(asks.err, "this change restarts Redis: TLS off → on (clients that do not speak TLS are refused"));
  CHECK(plain(port, cli.password(), {"PING"}) == "PONG");
  CHECK_FALSE(fs::exists(cli.tls()));
  const Output plan = cli.local("setup", {"--tls", "--dry-run"});
  CHECK(plan.status == 0);
  CHECK(has(plan.out, "a CA, and a certificate for 127.0.0.1, localhost"));
  CHECK_FALSE(has(plan.out + plan.err, "PRIVATE KEY"));
  CHECK_FALSE(fs::exists(cli.tls()));
  const Output on = cli.local("setup", {"--tls", "--restart"});
  INFO(said(on));
  REQUIRE(on.status == 0);
  CHECK(cli.port() == port);
  CHECK(over_tls(cli, {"GET", "a"}) == "1");
  const std::string ca = cli.tls_file("ca.crt");
  const Output off = cli.local("setup", {"--tls=false", "--restart"});
  INFO(said(off));
  REQUIRE(off.status == 0);
  CHECK(plain(port, cli.password(), {"GET", "a"}) == "1");
  CHECK_FALSE(cli.credentials().contains("tls"));
  CHECK(cli.check("tls").is_null());
  CHECK(cli.rotate().status == 3);
  REQUIRE(cli.local("setup", {"--tls", "--restart"}).status == 0);
  CHECK(cli.tls_file("ca.crt") == ca);
}

TEST_CASE("tls: what cannot be started is undone, with its certificates") {
  TlsCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const auto before = tree(cli.home());
  const std::string preset = (cli.folder() / "bad.yaml").string();
  write_atomic(preset,
               "name: raibid-redis\nsettings: {namespace: raibid-redis, release: raibid-redis}\nredis:\n  "
               "no-such-directive: 1\n");
  const Output failed = cli.local("setup", {"--tls", "--restart", "--preset", preset});
  INFO(said(failed));
  CHECK(failed.status == 4);
  CHECK(plain(cli.port(), cli.password(), {"PING"}) == "PONG");
  CHECK(cli.tls_file("tls.key").empty());
  CHECK(tree(cli.home()).at("redis-credentials.json") == before.at("redis-credentials.json"));
}

TEST_CASE("tls: --tls-migrate keeps the plain port until it is false again") {
  TlsCli cli;
  REQUIRE(cli.local("setup").status == 0);
  const int port = cli.port();
  const Output migrates = cli.local("setup", {"--tls", "--tls-migrate", "--restart"});
  INFO(said(migrates));
  REQUIRE(migrates.status == 0);
  CHECK(has(migrates.err, "plain-port"));
  CHECK(plain(port, cli.password(), {"PING"}) == "PONG");
  CHECK(cli.port() != port);
  CHECK(over_tls(cli, {"PING"}) == "PONG");
  CHECK(cli.credentials().at("port") == cli.port());
  CHECK(has(cli.check("tls").at("text"), "plain port open"));
  CHECK(cli.status().at("plain_port") == port);
  CHECK(has(cli.local("setup").out, "Nothing changed"));
  const Output ends = cli.local("setup", {"--tls-migrate=false", "--restart"});
  INFO(said(ends));
  REQUIRE(ends.status == 0);
  CHECK(cli.port() == port);
  CHECK(over_tls(cli, {"PING"}) == "PONG");
  CHECK(has(plain(port, cli.password(), {"PING"}), "Error"));
}

TEST_CASE("tls: client certificates are required without a restart, asked for first, and issued by our CA") {
  TlsCli cli;
  REQUIRE(cli.local("setup", {"--tls"}).status == 0);
  const int pid = cli.pid();
  const Output asks = cli.local("setup", {"--tls-client-certs"});
  CHECK(asks.status == 2);
  CHECK(has(asks.err, "clients that show no certificate of the CA will be refused"));
  const Output on = cli.local("setup", {"--tls-client-certs", "--yes"});
  INFO(said(on));
  REQUIRE(on.status == 0);
  CHECK(cli.pid() == pid);
  CHECK(over_tls(cli, {"PING"}) != "PONG");
  SecretContent content;
  for (const char* key : {ca_certificate_key, ca_private_key_key}) content[key] = Secret(cli.tls_file(key));
  const KeyPair pair = issue_client_certificate(content, "app", 30, cli.spec(), now());
  const fs::path folder = cli.folder_of("client", pair, "");
  CHECK(over_tls(cli, {"PING"}, {"--cert", (folder / "tls.crt").string(), "--key", (folder / "tls.key").string()}) ==
        "PONG");
  CHECK(cli.local("status").status == 0);
  CHECK(has(cli.check("tls").at("text"), "client certificates required"));
  REQUIRE(cli.local("setup", {"--tls-client-certs=false"}).status == 0);
  CHECK(over_tls(cli, {"PING"}) == "PONG");
}

TEST_CASE("tls: a certificate that is too old, too young or without a name is renewed without a restart") {
  TlsCli cli;
  REQUIRE(cli.local("setup", {"--tls"}).status == 0);
  const int pid = cli.pid();
  CertificateSpec other = cli.spec();
  other.names = {"127.0.0.1"};
  const std::pair<SecretContent, const char*> cases[] = {
      {with_own_certificate({}, cli.spec(), now() - 400 * day), "it is older than a year"},
      {with_own_certificate({}, other, now()), "it does not name localhost"},
  };
  for (const auto& [content, why] : cases) {
    CAPTURE(why);
    cli.replace(content);
    const std::string before = cli.served_facts().fingerprint;
    const Output renewed = cli.local("setup");
    INFO(said(renewed));
    REQUIRE(renewed.status == 0);
    CHECK(has(renewed.err, why));
    CHECK(cli.served_facts().fingerprint != before);
    CHECK(cli.served() == read_file(cli.tls() / "tls.crt").value());
    CHECK(cli.tls_file("ca.crt") == value_of(content, tls_trusted_key).reveal());
    CHECK(why_not(cli, cli.tls_file("ca.crt")).empty());
    CHECK(cli.pid() == pid);
    CHECK(cli.credentials().at("ca_certificate") == cli.tls_file("ca.crt"));
    CHECK(has(cli.local("setup").out, "Nothing changed"));
  }
}

TEST_CASE("tls: --tls-secret refuses what does not fit before anything changes, and takes what is renewed there") {
  TlsCli cli;
  const KeyPair ca = make_ca("theirs", now() - 10 * day, now() + 1000 * day);
  CertificateRequest request{"theirs", {"127.0.0.1"}, true, false, now() - day, now() + 60 * day};
  const KeyPair one = issue_certificate(ca, request, "x");
  const KeyPair two = issue_certificate(ca, request, "x");
  const fs::path mixed = cli.folder_of("mixed", {one.certificate, two.key}, ca.certificate);
  const Output refused = cli.local("setup", {"--tls-secret", mixed.string()});
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, mixed.string()));
  CHECK(has(refused.err, "tls.crt and tls.key do not belong together"));
  CHECK_FALSE(fs::exists(cli.instance()));
  const Output nowhere = cli.local("setup", {"--tls-secret", (cli.folder() / "nowhere").string()});
  CHECK(nowhere.status == 3);
  CHECK(has(nowhere.err, "there is no such folder"));
  CHECK(cli.local("setup", {"--tls-issuer", "my-ca"}).status == 2);

  const fs::path good = cli.folder_of("good", one, ca.certificate);
  const Output needs_client = cli.local("setup", {"--tls-secret", good.string(), "--tls-client-certs"});
  CHECK(needs_client.status == 3);
  CHECK(has(needs_client.err, "clientAuth"));
  REQUIRE(cli.local("setup", {"--tls-secret", good.string()}).status == 0);
  CHECK(cli.served() == one.certificate);
  CHECK_FALSE(fs::exists(cli.tls() / "own-ca.key"));
  CHECK(why_not(cli, ca.certificate).empty());
  CHECK(cli.status().at("tls").at("from") == "secret");
  const Output rotate = cli.rotate();
  CHECK(rotate.status == 3);
  CHECK(has(rotate.err, "raibid-cli has no key to sign"));
  const int pid = cli.pid();
  cli.folder_of("good", two, ca.certificate);
  CHECK(has(cli.check("tls").at("text"), "has another one, which setup takes over"));
  const Output renewed = cli.local("setup");
  INFO(said(renewed));
  REQUIRE(renewed.status == 0);
  CHECK(cli.served() == two.certificate);
  CHECK(cli.pid() == pid);
  // half of a renewal: the present one is kept, and why is said
  write_own_file(good / "tls.key", one.key.reveal());
  const Output half = cli.local("setup");
  INFO(said(half));
  CHECK(half.status == 0);
  CHECK(has(half.err, "the present certificate is kept"));
  CHECK(cli.served() == two.certificate);
  // another CA: clients that trust the one of before would be refused
  const Output asks = cli.local("setup", {"--tls"});
  INFO(said(asks));
  CHECK(asks.status == 2);
  CHECK(has(asks.err, "clients that trust the CA of before alone will be refused"));
  CHECK(cli.served() == two.certificate);
  const Output own = cli.local("setup", {"--tls", "--yes"});
  INFO(said(own));
  CHECK(own.status == 0);
  CHECK(cli.pid() == pid);
  CHECK(cli.served_facts().issuer.starts_with("CN=raibid-redis CA "));
  CHECK(cli.status().at("tls").at("from") == "own");
}

TEST_CASE("tls: each damage of the certificates has its own line in status, and the hint repairs it") {
  TlsCli cli;
  REQUIRE(cli.local("setup", {"--tls"}).status == 0);
  const int pid = cli.pid();
  const auto damage = [&](const std::string& expected, const std::function<void()>& act) {
    CAPTURE(expected);
    act();
    const json line = cli.check("tls");
    INFO(line.dump());
    CHECK(line.at("passed") == false);
    CHECK(has(line.at("text"), expected));
    const std::string hint = line.at("hint");
    const std::size_t command = hint.rfind("raibid-cli ");
    REQUIRE(command != std::string::npos);
    const Output repaired = cli.shell("\"$RAIBID_CLI\" " + hint.substr(command + 11));
    INFO(said(repaired));
    CHECK(repaired.status == 0);
    CHECK(cli.local("status").status == 0);
    CHECK(cli.pid() == pid);
  };
  damage("tls.crt is missing", [&] { fs::remove(cli.tls() / "tls.crt"); });
  damage("tls.key is missing", [&] { fs::remove(cli.tls() / "tls.key"); });
  damage("tls.crt holds no certificate", [&] { write_own_file(cli.tls() / "tls.crt", "by hand"); });
  damage("tls.crt and tls.key do not belong together", [&] {
    write_own_file(cli.tls() / "tls.key", with_own_certificate({}, cli.spec(), now())[tls_private_key_key].reveal());
  });
  damage("Redis serves another certificate than", [&] { cli.replace(with_own_certificate({}, cli.spec(), now())); });
  const auto serve = [&](const SecretContent& content) {
    cli.replace(content);
    over_tls(cli,
             {"CONFIG", "SET", "tls-cert-file", (cli.tls() / "tls.crt").string(), "tls-key-file",
              (cli.tls() / "tls.key").string()},
             {"--insecure"});
  };
  const auto issued = [&](WallTime from, WallTime until) {
    const KeyPair ca = make_ca("x", now() - 100 * day, now() + 100 * day);
    const KeyPair pair = issue_certificate(ca, {"x", cli.spec().names, true, true, from, until}, "x");
    return SecretContent{{tls_certificate_key, Secret(pair.certificate)},
                         {tls_private_key_key, pair.key},
                         {tls_trusted_key, Secret(ca.certificate)},
                         {ca_certificate_key, Secret(ca.certificate)},
                         {ca_private_key_key, ca.key}};
  };
  damage("the certificate has expired on", [&] { serve(issued(now() - 9 * day, now() - day)); });
  damage("the certificate is not yet valid", [&] { serve(issued(now() + day, now() + 9 * day)); });
  damage("the certificate ends in", [&] { serve(issued(now() - day, now() + 9 * day)); });
  // a CA that is lost is not made again by itself
  fs::remove(cli.tls() / "own-ca.key");
  CHECK(has(cli.check("tls").at("text"), "the CA in"));
  CHECK(cli.local("setup").status == 0);
  const Output renew = cli.rotate();
  CHECK(renew.status == 3);
  CHECK(has(renew.err, "own-ca.key is missing"));
  CHECK(has(renew.err, "--ca"));
  CHECK(cli.rotate({"--ca"}).status == 2);  // asks: clients of the old one are refused
  CHECK(cli.rotate({"--ca", "--yes"}).status == 0);
  CHECK(cli.rotate({"--ca", "--finish", "--yes"}).status == 0);
  CHECK(cli.local("status").status == 0);
  // all of it lost: clients have to trust another CA, which is never made silently
  fs::remove_all(cli.tls());
  CHECK(has(cli.check("tls").at("text"), "tls.crt is missing"));
  const Output all_lost = cli.rotate();
  CHECK(all_lost.status == 3);
  CHECK(has(all_lost.err, "is lost"));
  const Output asks = cli.local("setup");
  INFO(said(asks));
  CHECK(asks.status == 2);
  CHECK(has(asks.err, "clients that trust the CA of before alone will be refused"));
  CHECK_FALSE(fs::exists(cli.tls() / "tls.crt"));
  CHECK(cli.local("setup", {"--yes"}).status == 0);
  CHECK(cli.local("status").status == 0);
  CHECK(cli.pid() == pid);
}

TEST_CASE("tls rotate: a CA rotation that is damaged by hand in its middle has a way out, and no run is left over") {
  TlsCli cli;
  REQUIRE(cli.local("setup", {"--tls"}).status == 0);
  REQUIRE(cli.rotate({"--ca"}).status == 0);
  // without its key the certificate cannot be finished; a new one can
  fs::remove(cli.tls() / "tls.key");
  const Output refused = cli.rotate({"--ca", "--finish", "--yes"});
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "tls.key is missing"));
  CHECK(cli.rotate().status == 0);
  CHECK(cli.local("status").status == 0);
  // the newer CA is damaged as well: a third one, and only that one stays
  write_own_file(cli.tls() / "own-ca.key", "by hand");
  write_own_file(cli.tls() / "tls.crt", "by hand");
  CHECK(cli.rotate().status == 3);
  CHECK(cli.rotate({"--ca"}).status == 2);
  const Output third = cli.rotate({"--ca", "--yes"});
  INFO(said(third));
  CHECK(third.status == 0);
  CHECK(cli.rotate({"--ca", "--finish", "--yes"}).status == 0);
  CHECK(each_certificate(cli.tls_file("ca.crt")).size() == 1);
  CHECK(cli.local("status").status == 0);
  CHECK(fs::is_empty(cli.home() / "journal"));
}

TEST_CASE("tls: a certificate that is too weak for a handshake is refused before anything changes") {
  TlsCli cli;
  const KeyPair ca = make_ca("theirs", now() - day, now() + 100 * day);
  const fs::path weak = cli.folder_of("weak", ca, ca.certificate);
  const Output made = attempt(
      {"sh", "-c",
       "cd \"$1\" && printf 'subjectAltName=IP:127.0.0.1\\n' > ext && cp tls.key ca.key && cp ca.crt issuer.crt && "
       "openssl genrsa -out tls.key 1024 && openssl req -new -key tls.key -subj /CN=weak -out csr && "
       "openssl x509 -req -in csr -CA issuer.crt -CAkey ca.key -days 9 -extfile ext -out tls.crt",
       "sh", weak.string()});
  INFO(said(made));
  REQUIRE(made.status == 0);
  const Output refused = cli.local("setup", {"--tls-secret", weak.string()});
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "too weak"));
  CHECK_FALSE(fs::exists(cli.instance()));
}

TEST_CASE("tls: Go's verifier accepts what is issued, for its names and purposes alone, also between two CAs") {
  if (readers().empty()) return;
  TlsCli cli;
  REQUIRE(cli.local("setup", {"--tls", "--tls-client-certs"}).status == 0);
  const auto verified = [&](const std::string& certificate, const std::string& ca, const std::string& name,
                            const std::string& purpose) {
    const json answer =
        read_by(Words{"verify", cli.file("leaf.crt", certificate), cli.file("roots.crt", ca), name, purpose});
    return answer.at("error").get<std::string>();
  };
  const std::string old_ca = cli.tls_file("own-ca.crt");
  const std::string first = cli.tls_file("tls.crt");
  for (const std::string name : {"127.0.0.1", "localhost"}) CHECK(verified(first, old_ca, name, "server") == "");
  CHECK(verified(first, old_ca, "", "client") == "");
  CHECK(has(verified(first, old_ca, "redis.example", "server"), "not redis.example"));
  const json secret = json::parse(cli({"export", "client-certificate", "app", "--target", "local", "-o", "json"}).out);
  const std::string client = base64_decode(secret.at("data").at("tls.crt").get<std::string>());
  CHECK(verified(client, old_ca, "", "client") == "");
  CHECK(has(verified(client, old_ca, "", "server"), "incompatible key usage"));
  // the new CA beside the old one: who knows either of them accepts the server
  REQUIRE(cli.rotate({"--ca"}).status == 0);
  const std::string both = cli.tls_file("tls.crt");
  CHECK(verified(both, old_ca, "127.0.0.1", "server") == "");
  CHECK(verified(both, cli.tls_file("own-ca.crt"), "127.0.0.1", "server") == "");
  CHECK(verified(client, cli.tls_file("ca.crt"), "", "client") == "");
  REQUIRE(cli.rotate({"--ca", "--finish", "--yes"}).status == 0);
  CHECK(verified(cli.tls_file("tls.crt"), cli.tls_file("ca.crt"), "127.0.0.1", "server") == "");
  CHECK(has(verified(cli.tls_file("tls.crt"), old_ca, "127.0.0.1", "server"), "unknown authority"));
}

TEST_CASE("tls: a connect that is killed leaves no private key behind") {
  TlsCli cli;
  REQUIRE(cli.local("setup", {"--tls", "--tls-client-certs"}).status == 0);
  const std::string body = split(cli.tls_file("tls.key"), '\n').at(1);
  // it asks, so that it has read the key; then it waits for the rest of its input
  const Output ran = cli.shell(
      "mkdir -p \"$HOME/tmp\"; export TMPDIR=\"$HOME/tmp\"; mkfifo \"$HOME/in\"\n"
      "\"$RAIBID_CLI\" connect redis --target local -- redis-cli < \"$HOME/in\" > \"$HOME/out\" & pid=$!\n"
      "exec 3> \"$HOME/in\"; echo PING >&3\n"
      "for i in $(seq 200); do grep -qs PONG \"$HOME/out\" && break; sleep 0.05; done\n"
      "kill -9 $pid; cat \"$HOME/out\"; exec 3>&-; grep -rl -- '" +
      body + "' \"$TMPDIR\" && echo LEFT; true");
  INFO(said(ran));
  CHECK(has(ran.out, "PONG"));
  CHECK_FALSE(has(ran.out, "LEFT"));
  CHECK(has(cli.local("connect", {"--", "redis-cli", "PING"}).out, "PONG"));
}

TEST_CASE("tls rotate: under load no command fails and no connection is cut, also while the CA changes") {
  TlsCli cli;
  REQUIRE(cli.local("setup", {"--tls"}).status == 0);
  TlsLoad load(cli.port(), cli.password(), cli.tls_file("ca.crt"));
  load.wait_for_more();
  // tests/reliability/rotation asks for a hundred
  const char* const asked = std::getenv("RAIBID_TLS_ROTATIONS");
  const int rounds = asked != nullptr ? std::atoi(asked) : 5;
  for (int round = 0; round < rounds; ++round) {
    const std::string before = cli.served();
    const Output rotated = cli.rotate();
    INFO(said(rotated));
    REQUIRE(rotated.status == 0);
    CHECK(cli.served() != before);
    load.wait_for_more();
  }
  for (int round = 0; round < std::max(2, rounds / 10); ++round) {
    const std::string old_ca = cli.tls_file("own-ca.crt");
    const Output both = cli.rotate({"--ca"});
    INFO(said(both));
    REQUIRE(both.status == 0);
    CHECK(has(both.out, "raibid-cli tls rotate redis --target local --ca --finish"));
    load.wait_for_more();  // it trusts the old one alone
    CHECK(why_not(cli, old_ca).empty());
    CHECK(cli.rotate({"--ca"}).status == 3);
    CHECK(cli.credentials().at("ca_certificate") == cli.tls_file("ca.crt"));
    load.trust(cli.tls_file("ca.crt"));
    load.wait_for_more();
    const Output asks = cli.rotate({"--ca", "--finish"});
    CHECK(asks.status == 2);
    CHECK(has(asks.err, "--ca --finish --yes"));
    const Output finished = cli.rotate({"--ca", "--finish", "--yes"});
    INFO(said(finished));
    REQUIRE(finished.status == 0);
    load.wait_for_more();
    CHECK_FALSE(why_not(cli, old_ca).empty());
    CHECK(why_not(cli, cli.tls_file("own-ca.crt")).empty());
    CHECK(cli.local("status").status == 0);
  }
  CHECK(load.failed() == "");
  MESSAGE(rounds << " certificates and " << std::max(2, rounds / 10) << " CAs: " << load.done()
                 << ", none failed, none was cut");
  CHECK(has(cli.rotate({"--ca", "--finish"}).out, "nothing to finish"));
  CHECK(cli.rotate({"--finish"}).status == 2);
  const Output plan = cli.rotate({"--dry-run"});
  CHECK(has(plan.out, "a new server certificate"));
  const json result = json::parse(cli.rotate({"-o", "json"}).out);
  CHECK(result.at("state") == "rotated");
  CHECK(result.at("fingerprint") == cli.served_facts().fingerprint);
}

TEST_CASE("tls rotate: a run that is killed anywhere is finished or taken back by the next") {
  TlsCli cli;
  REQUIRE(cli.local("setup", {"--tls"}).status == 0);
  int killed = 0;
  for (int later = 0; later < 24; ++later) {
    CAPTURE(later);
    const std::string ca = cli.tls_file("ca.crt");
    int pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto process = cli.start({"tls", "rotate", "redis", "--ca", "--target", "local"});
    cli.runner().observe({});
    // its first act; what it changes comes within the next milliseconds
    const TimePoint until = real_runner().now() + std::chrono::seconds(1);  // it may end before it was seen
    while (!fs::exists(cli.tls() / "previous-certificates") && real_runner().now() < until) continue;
    const auto kill_at = std::chrono::steady_clock::now() + later * std::chrono::microseconds(400);
    while (std::chrono::steady_clock::now() < kill_at) continue;
    ::kill(pid, SIGKILL);
    Process* const waited = process.get();
    while (!process->finished()) cli.runner().wait({&waited, 1}, cli.runner().now() + std::chrono::seconds(10));
    if (process->status() != 0) ++killed;
    CHECK(why_not(cli, ca).empty());  // whatever it came to
    const Output next = later % 2 == 0 ? cli.local("setup") : cli.rotate();
    INFO(said(next));
    REQUIRE(next.status == 0);
    CHECK(why_not(cli, ca).empty());
    CHECK_FALSE(fs::exists(cli.tls() / "previous-certificates"));
    CHECK(cli.local("status").status == 0);
    REQUIRE(cli.rotate({"--ca", "--finish", "--yes"}).status == 0);
    CHECK(cli.credentials().at("ca_certificate") == cli.tls_file("ca.crt"));
    for (const auto& entry : fs::directory_iterator(cli.tls()))
      CHECK_FALSE(entry.path().filename().string().starts_with(".raibid-"));
  }
  CHECK(killed > 0);
}

TEST_CASE("tls: a setup that is killed anywhere while it turns TLS on or off is made whole by the next") {
  TlsCli cli;
  REQUIRE(cli.local("setup").status == 0);
  plain(cli.port(), cli.password(), {"SET", "a", "1"});
  int killed = 0;
  for (int milliseconds = 4; milliseconds < 200; milliseconds = milliseconds * 5 / 4 + 4) {
    CAPTURE(milliseconds);
    const bool on = json::parse(tree(cli.instance()).at("state.json")).at("spec").contains("tls");
    const Words change = {"setup", "redis", "--target", "local", on ? "--tls=false" : "--tls", "--restart"};
    int pid = 0;
    cli.runner().observe([&](int started, const Command&) { pid = started; });
    const auto process = cli.start(change);
    cli.runner().observe({});
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(milliseconds));
    ::kill(pid, SIGKILL);
    Process* const waited = process.get();
    while (!process->finished()) cli.runner().wait({&waited, 1}, cli.runner().now() + std::chrono::seconds(10));
    if (process->status() != 0) ++killed;
    const Output next = cli(change);
    INFO(said(next));
    REQUIRE(next.status == 0);
    const Output status = cli.local("status");
    INFO(said(status));
    CHECK(status.status == 0);
    CHECK((on ? plain(cli.port(), cli.password(), {"GET", "a"}) : over_tls(cli, {"GET", "a"})) == "1");
    CHECK_FALSE(fs::exists(cli.tls() / "previous-certificates"));
  }
  CHECK(killed > 0);
}

TEST_CASE("tls: private keys are in their own files alone: no argument, environment, log, journal or dry run has one") {
  TlsCli cli;
  SecretScan scan({cli.home() / "journal", cli.home() / "evidence"});
  std::string outputs;
  std::vector<std::string> keys;
  const auto keep = [&](const Output& output) {
    outputs += output.out + output.err;
    for (const char* name : {"tls.key", "own-ca.key"}) keys.push_back(cli.tls_file(name));
    return output.status;
  };
  REQUIRE(keep(cli.local("setup", {"--tls", "--tls-client-certs", "-v"})) == 0);
  REQUIRE(keep(cli.rotate({"-v", "-o", "json"})) == 0);
  REQUIRE(keep(cli.rotate({"--ca", "-v"})) == 0);
  REQUIRE(keep(cli.local("status", {"-v", "-o", "json"})) == 0);
  REQUIRE(keep(cli.local("setup", {"--dry-run", "-v"})) == 0);
  REQUIRE(keep(cli.rotate({"--ca", "--finish", "--dry-run"})) == 0);
  std::set<std::string> bodies;
  for (const std::string& key : keys) bodies.insert(split(key, '\n').at(1));
  REQUIRE(bodies.size() >= 5);
  for (const std::string& body : bodies) {
    CHECK_FALSE(has(outputs, body));
    CHECK(scan.find(body).empty());
    for (const auto& [path, content] : tree(cli.home())) {
      INFO(path);
      const bool may = path.ends_with("/tls/tls.key") || path.ends_with("/tls/own-ca.key");
      if (!may) CHECK_FALSE(has(content, body));
    }
  }
  CHECK(scan.seen() > 0);
}

}  // namespace raibid::tls_test
