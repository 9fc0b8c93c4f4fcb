#include <doctest/doctest.h>

#include "base/strings.hpp"
#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/registry.hpp"
#include "fakes/fake_cluster.hpp"
#include "support/hints.hpp"
#include "support/shell_words.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "tools/certificate.hpp"

#include <functional>
#include <sstream>

/// Several objects of TLS are lost or damaged at once: whoever does what each hint says ends with a healthy Redis.

namespace raibid::lost_tls_test {

using nlohmann::json;
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

}  // namespace raibid::lost_tls_test
