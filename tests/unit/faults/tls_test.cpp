#include <doctest/doctest.h>

#include "base/strings.hpp"
#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/registry.hpp"
#include "fakes/fake_cluster.hpp"
#include "support/hints.hpp"
#include "support/shell_words.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "tools/certificate.hpp"

#include <functional>
#include <sstream>

/// TLS on a cluster whose objects someone lost, damaged or renewed: whoever does what each hint says ends with a
/// healthy Redis.

namespace raibid::faults_tls_test {

using nlohmann::json;
using raibid::test::has;
using Words = std::vector<std::string>;

namespace {

const std::string server_key = "secret/raibid-redis-tls";
const std::string ca_key = "secret/raibid-redis-ca";

struct Machine {
  TemporaryDirectory folder{fs::temp_directory_path()};
  Signals signals;
  FakeCluster cluster{folder.path() / "state.json", signals};
  std::string out, err;

  int run(const Words& words) {
    std::ostringstream results, messages;
    SystemRandom random;
    const Environment environment = {
        {"HOME", folder.path()}, {"RAIBID_HOME", folder.path() / "home"}, {"TMPDIR", folder.path()}};
    const int code =
        run_cli(words, {results, messages, Terminal{}, environment, cluster, cluster.clock(), random, signals, cluster},
                components());
    out = results.str();
    err = messages.str();
    return code;
  }
  json& objects() { return cluster.state()["objects"]; }
  json& ca() { return objects().at(ca_key).at("data"); }
  std::string pod() { return objects().at("pod/raibid-redis-master-0").at("metadata").at("uid"); }
  bool serves_its_secret() {
    return cluster.state().at("served") ==
           base64_decode(objects().at(server_key).at("data").at("tls.crt").get<std::string>());
  }
  /// An Issuer of cert-manager, and what it issues by from now on.
  KeyPair issue_by(const std::string& name) {
    const WallTime now = cluster.clock().wall();
    const KeyPair ca = make_ca(name, now - std::chrono::hours(2), now + std::chrono::hours(24 * 1000));
    cluster.state()["issuer"] = {{"certificate", ca.certificate}, {"key", ca.key.reveal()}};
    objects()["issuer.cert-manager.io/" + name] = {
        {"apiVersion", "cert-manager.io/v1"}, {"kind", "Issuer"}, {"metadata", {{"name", name}, {"uid", name}}}};
    return ca;
  }
  /// As a self-signed Issuer renews: certificate and CA are others at once, and Redis has read neither.
  void renew_all() {
    const WallTime now = cluster.clock().wall();
    const KeyPair ca = issue_by("ca");
    json& data = objects().at(server_key).at("data");
    const CertificateFacts facts = read_certificate(base64_decode(data.at("tls.crt").get<std::string>()), "the Secret");
    const KeyPair pair = issue_certificate(
        ca, {"redis", facts.names, true, true, now - std::chrono::hours(1), now + std::chrono::hours(2160)}, "it");
    data["tls.crt"] = base64_encode(pair.certificate);
    data["tls.key"] = base64_encode(pair.key.reveal());
    data["ca.crt"] = base64_encode(ca.certificate);
  }

  /// Does what the last hint of a text says, as someone who types it; a command of ours is what is run next.
  Words follow(const std::string& text, const Words& before) {
    INFO(text);
    const Words commands = test::hinted_commands(text);
    REQUIRE_FALSE(commands.empty());
    Words words = test::shell_words(commands.back());
    const std::string program = words.front();
    words.erase(words.begin());
    if (program == "raibid-cli") return words;
    REQUIRE(program == "kubectl");
    const auto verb = std::find(words.begin(), words.end(), "delete");
    REQUIRE(verb != words.end());
    REQUIRE(*(verb + 1) == "secret");
    for (auto name = verb + 2; name != words.end(); ++name) objects().erase("secret/" + *name);
    return before;
  }
  /// Whether status finds nothing wrong with TLS. (Of much else a made-up cluster tells nothing.)
  bool tls_is_well() {
    run({"status", "redis"});
    return out.find("✓ tls") != std::string::npos;
  }
  /// How many commands it took from this one to TLS that is well; 0 when five were not enough.
  int follow_hints(Words words) {
    const Words setup = {"setup", "redis", "--tls"};
    for (int count = 1; count <= 5; ++count) {
      const int code = run(words);
      const std::string said = join(words, " ") + "\n" + out + err;
      INFO(said);
      CHECK(code != 1);
      if (code == 0 && tls_is_well()) return count;
      words = follow(code == 0 ? out + err : said, setup);
    }
    return 0;
  }
};

struct Damage {
  const char* what;
  std::function<void(Machine&)> act;
};

std::vector<Damage> damages() {
  const auto other = [] {
    const WallTime now = FakeClock().wall();
    return make_ca("other", now - std::chrono::hours(1), now + std::chrono::hours(24 * 3650));
  };
  return {{"the CA's key is not there", [](Machine& machine) { machine.ca().erase("tls.key"); }},
          {"the CA's key is empty", [](Machine& machine) { machine.ca()["tls.key"] = ""; }},
          {"the CA's certificate is not there", [](Machine& machine) { machine.ca().erase("tls.crt"); }},
          {"the CA's certificate is no certificate",
           [](Machine& machine) { machine.ca()["tls.crt"] = base64_encode("by hand"); }},
          {"the CA's key is another one",
           [=](Machine& machine) { machine.ca()["tls.key"] = base64_encode(other().key.reveal()); }},
          {"the CA's certificate is another one",
           [=](Machine& machine) { machine.ca()["tls.crt"] = base64_encode(other().certificate); }},
          {"all of the CA is lost", [](Machine& machine) { machine.objects().erase(ca_key); }}};
}

}  // namespace

TEST_CASE("lost TLS: the certificate's Secret is gone and the CA is damaged; each hint leads to the end") {
  for (const Damage& damage : damages()) {
    for (const Words& first :
         {Words{"setup", "redis"}, Words{"tls", "rotate", "redis"}, Words{"tls", "rotate", "redis", "--ca", "--yes"}}) {
      CAPTURE(std::string(damage.what));
      CAPTURE(join(first, " "));
      Machine machine;
      REQUIRE(machine.run({"setup", "redis", "--tls"}) == 0);
      machine.objects().erase(server_key);
      damage.act(machine);
      CHECK(machine.follow_hints(first) > 0);
      CHECK(machine.run({"tls", "rotate", "redis"}) == 0);
    }
  }
}

TEST_CASE("lost TLS: a damaged CA that a teardown kept; each hint leads to the end") {
  for (const Damage& damage : damages()) {
    for (const bool certificate_is_there : {false, true}) {
      CAPTURE(std::string(damage.what));
      CAPTURE(certificate_is_there);
      Machine machine;
      REQUIRE(machine.run({"setup", "redis", "--tls"}) == 0);
      REQUIRE(machine.run({"teardown", "redis", "--yes"}) == 0);
      REQUIRE(machine.objects().contains(ca_key));
      REQUIRE(machine.objects().contains(server_key));
      if (certificate_is_there) {
        machine.objects().at(server_key).at("data")["tls.crt"] = base64_encode("by hand");
      } else {
        machine.objects().erase(server_key);
      }
      damage.act(machine);
      CHECK(machine.follow_hints({"setup", "redis"}) > 0);
    }
  }
}

TEST_CASE(
    "an issuer that renews its CA as well: the ConfigMap still names the one that Redis serves, and nothing restarts") {
  Machine machine;
  machine.issue_by("ca");
  REQUIRE(machine.run({"setup", "redis", "--tls-issuer", "ca"}) == 0);
  const std::string pod = machine.pod();
  machine.renew_all();
  CHECK_FALSE(machine.serves_its_secret());
  const int code = machine.run({"setup", "redis"});
  INFO(machine.err);
  CHECK(code == 0);
  CHECK(machine.serves_its_secret());
  CHECK(machine.pod() == pod);
  CHECK(machine.tls_is_well());
}

TEST_CASE("an issuer whose earlier CA is known nowhere any more: setup asks, restarts Redis, and all is well") {
  Machine machine;
  machine.issue_by("ca");
  REQUIRE(machine.run({"setup", "redis", "--tls-issuer", "ca"}) == 0);
  for (int renewals = 0; renewals < 2; ++renewals) {
    machine.renew_all();
    machine.objects().erase("configmap/raibid-redis-ca");
    const std::string pod = machine.pod();
    CHECK(machine.run({"setup", "redis"}) == 2);
    INFO(machine.err);
    CHECK(machine.err.find("Redis serves one of a CA that is not kept here any more") != std::string::npos);
    CHECK(machine.pod() == pod);
    CHECK(machine.run({"setup", "redis", "--restart"}) == 0);
    CHECK(machine.serves_its_secret());
    CHECK(machine.pod() != pod);
    CHECK(machine.tls_is_well());
  }
}

TEST_CASE("another issuer: the restart that setup asks for takes place") {
  Machine machine;
  machine.issue_by("ca");
  REQUIRE(machine.run({"setup", "redis", "--tls-issuer", "ca"}) == 0);
  const std::string pod = machine.pod();
  machine.issue_by("other");
  CHECK(machine.run({"setup", "redis", "--tls-issuer", "other"}) == 2);
  const int code = machine.run({"setup", "redis", "--tls-issuer", "other", "--restart"});
  INFO(machine.err);
  CHECK(code == 0);
  CHECK(machine.pod() != pod);
  CHECK(machine.serves_its_secret());
  CHECK(machine.tls_is_well());
  CHECK(machine.run({"setup", "redis"}) == 0);
}

TEST_CASE("a Certificate that someone deleted is made again, and nothing restarts") {
  Machine machine;
  machine.issue_by("ca");
  REQUIRE(machine.run({"setup", "redis", "--tls-issuer", "ca"}) == 0);
  const std::string pod = machine.pod();
  machine.objects().erase("certificate.cert-manager.io/raibid-redis-tls");
  CHECK(machine.run({"setup", "redis"}) == 0);
  INFO(machine.err);
  CHECK(machine.objects().contains("certificate.cert-manager.io/raibid-redis-tls"));
  CHECK(machine.pod() == pod);
  CHECK(machine.tls_is_well());
}

TEST_CASE("an issuer that does not issue: what cert-manager says of it is the reason, and nothing is left") {
  Machine machine;
  REQUIRE(machine.run({"setup", "redis"}) == 0);
  machine.objects()["issuer.cert-manager.io/ca"] = {
      {"apiVersion", "cert-manager.io/v1"}, {"kind", "Issuer"}, {"metadata", {{"name", "ca"}, {"uid", "7"}}}};
  const json before = machine.cluster.contents();
  CHECK(machine.run({"setup", "redis", "--tls-issuer", "ca", "--restart", "--timeout", "20s"}) == 4);
  INFO(machine.err);
  CHECK(machine.err.find("Issuer ca has not issued the certificate: cert-manager has not looked at it: does its "
                         "controller run?") != std::string::npos);
  CHECK(machine.cluster.contents() == before);
}

TEST_CASE("TLS for several nodes: all are replaced at once, also one that an interrupted undo left") {
  Machine machine;
  REQUIRE(machine.run({"setup", "redis", "--ha"}) == 0);
  const auto uids = [&] {
    std::vector<std::string> all;
    for (const char* const pod :
         {"pod/raibid-redis-master-0", "pod/raibid-redis-master-1", "pod/raibid-redis-master-2"})
      all.push_back(machine.objects().at(pod).at("metadata").at("uid"));
    return all;
  };
  const std::vector<std::string> plain = uids();
  REQUIRE(machine.run({"setup", "redis", "--ha", "--tls", "--restart"}) == 0);
  CHECK(has(machine.err, "all nodes at once"));
  const std::vector<std::string> encrypted = uids();
  for (std::size_t node = 0; node < plain.size(); ++node) CHECK(plain[node] != encrypted[node]);

  machine.objects().at("pod/raibid-redis-master-1").at("spec").at("volumes") = json::array();
  CHECK(machine.run({"setup", "redis"}) == 2);  // it asks
  CHECK(has(machine.err, "raibid-redis-master-1: cannot talk to the other nodes"));
  CHECK(uids()[1] == encrypted[1]);
  REQUIRE(machine.run({"setup", "redis", "--restart"}) == 0);
  CHECK(has(machine.err + machine.out, "replaced: raibid-redis-master-1"));
  CHECK(uids()[0] == encrypted[0]);
  CHECK(uids()[1] != encrypted[1]);
  CHECK(uids()[2] == encrypted[2]);
}

}  // namespace raibid::faults_tls_test
