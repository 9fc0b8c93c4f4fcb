// TLS on a real redis-server of this machine: on, off, and what is refused.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <set>

#include "base/strings.hpp"
#include "integration/tls_cli.hpp"
#include "support/readers.hpp"
#include "support/secret_scan.hpp"
#include "support/thrown.hpp"

namespace raibid::tls_test {

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
