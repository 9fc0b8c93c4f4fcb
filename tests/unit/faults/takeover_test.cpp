#include <doctest/doctest.h>

#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/registry.hpp"
#include "fakes/fake_cluster.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <sstream>

/// Two homes, as of two machines, and one release: a journal of one that is older than what the other did, and a run
/// that lost the lock while it slept.

namespace raibid::takeover_test {

using nlohmann::json;
using Kind = Fault::Kind;

namespace {

using Words = std::vector<std::string>;

const std::string claim = "persistentvolumeclaim/redis-data-raibid-redis-master-0";
const std::string secret = "secret/raibid-redis";
const std::string lease = "lease/raibid-cli-raibid-redis";
const Words setup = {"setup", "redis", "-v"};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

struct Ran {
  int code = 0;
  std::string err;
};

/// Standard error, which tells the cluster when a step begins and ends.
class Messages final : public std::stringbuf {
 public:
  using Hook = std::function<void(const std::string& line)>;
  Messages(FakeCluster& cluster, Hook hook) : m_cluster(cluster), m_hook(std::move(hook)) {}

 private:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    const std::streamsize written = std::stringbuf::xsputn(text, size);
    const std::string line(text, static_cast<std::size_t>(size));
    m_cluster.step_said(line);
    if (m_hook) m_hook(line);
    return written;
  }
  FakeCluster& m_cluster;
  Hook m_hook;
};

struct Homes {
  TemporaryDirectory folder{fs::temp_directory_path()};
  fs::path state() const { return folder.path() / "state.json"; }
  fs::path home(const std::string& name) const { return folder.path() / name; }

  /// In a process of its own, which a fault may kill. `meanwhile` is called for each line that is said.
  Ran run(const std::string& name, const Words& arguments, const Fault& fault = {},
          const std::function<void(FakeCluster&, const std::string& line)>& meanwhile = {}) const {
    const fs::path report = folder.path() / "report";
    fs::remove(report);
    const pid_t child = ::fork();
    if (child == 0) {
      int code = 99;
      try {
        Signals signals;
        FakeCluster cluster(state(), signals, fault);
        SystemRandom random;
        std::ostringstream out;
        Messages messages(cluster, [&](const std::string& line) {
          if (meanwhile) meanwhile(cluster, line);
        });
        std::ostream err(&messages);
        const CliDependencies dependencies{
            out,        err,
            Terminal{}, {{"HOME", folder.path()}, {"RAIBID_HOME", home(name)}, {"TMPDIR", folder.path()}},
            cluster,    cluster.clock(),
            random,     signals,
            cluster};
        code = run_cli(arguments, dependencies, components());
        signals.acknowledge();
        write_atomic(report, messages.str());
      } catch (const std::exception& error) {
        write_atomic(report, error.what());
      }
      ::_exit(code);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
    }
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), read_file(report).value_or("")};
  }

  json now() const { return json::parse(read_file(state(), 64 << 20).value()); }
  /// "" when it is not there.
  std::string uid(const std::string& key) const {
    const json objects = now().at("objects");
    return objects.contains(key) ? objects.at(key).at("metadata").at("uid").get<std::string>() : "";
  }
  json releases() const { return now().at("releases"); }
  bool journal_left(const std::string& name) const {
    return fs::exists(home(name) / "journal") && !fs::is_empty(home(name) / "journal");
  }
};

/// Someone of another machine has it from now on.
void take_lease(FakeCluster& cluster) {
  const LeaseHolder holder = {
      "setup redis", "web-2", "elsewhere", 42, "start", "", cluster.clock().wall() + std::chrono::minutes(5)};
  json object = lease_manifest("raibid-cli-raibid-redis", "raibid-redis", holder);
  object["metadata"]["uid"] = "theirs";
  object["metadata"]["resourceVersion"] = "7";
  cluster.state()["objects"][lease] = object;
}

}  // namespace

TEST_CASE("a journal that is older than another home's run is dropped, and what that run uses stays") {
  for (const char* step : {"namespace", "password", "release", "redis", "credentials"}) {
    CAPTURE(std::string(step));
    const Homes homes;
    REQUIRE(homes.run("a", setup, {Kind::kill_after, 0, step}).code == 137);
    const Ran other = homes.run("b", setup);
    INFO(other.err);
    REQUIRE(other.code == 0);
    const std::string claimed = homes.uid(claim);
    const std::string password = homes.uid(secret);
    const std::string space = homes.uid("namespace/raibid-redis");
    const json releases = homes.releases();

    for (const Words& more : {Words{}, Words{"--yes"}, Words{"--discard-data"}}) {
      const Ran again = homes.run("a", with(setup, more));
      INFO(again.err);
      CHECK(again.code == 0);
      CHECK(homes.uid(claim) == claimed);
      CHECK(homes.uid(secret) == password);
      CHECK(homes.uid("namespace/raibid-redis") == space);
      CHECK(homes.releases().size() == releases.size());
      CHECK(homes.releases().back()["raibid-cli/run"] == releases.back()["raibid-cli/run"]);
      if (more.empty()) CHECK(has(again.err, "kept"));
      CHECK_FALSE(homes.journal_left("a"));
    }
  }
}

TEST_CASE("with --discard-data, too, an older journal does not reach what another home uses") {
  const Homes homes;
  REQUIRE(homes.run("a", setup, {Kind::kill_after, 0, "release"}).code == 137);
  REQUIRE(homes.run("b", setup).code == 0);
  const std::string claimed = homes.uid(claim);
  const Ran again = homes.run("a", with(setup, {"--discard-data"}));
  INFO(again.err);
  CHECK(again.code == 0);
  CHECK(has(again.err, "release raibid-redis is kept: another run has set it up since"));
  CHECK(homes.uid(claim) == claimed);
}

TEST_CASE("an older journal of a change does not roll back what another home found ready") {
  const Homes homes;
  REQUIRE(homes.run("b", setup).code == 0);
  const Words change = with(setup, {"--memory-limit", "768Mi", "--restart"});
  REQUIRE(homes.run("a", change, {Kind::kill_after, 0, "release"}).code == 137);
  REQUIRE(homes.run("b", change).code == 0);
  CHECK(homes.releases().size() == 2);
  const Ran again = homes.run("a", change);
  INFO(again.err);
  CHECK(again.code == 0);
  CHECK(has(again.err, "another run has set it up since"));
  CHECK(homes.releases().size() == 2);
}

TEST_CASE("what is not proven by another run is taken back as before") {
  const Homes homes;
  REQUIRE(homes.run("b", setup).code == 0);
  REQUIRE(
      homes.run("a", with(setup, {"--memory-limit", "768Mi", "--restart"}), {Kind::kill_after, 0, "release"}).code ==
      137);
  const Ran again = homes.run("a", setup);
  INFO(again.err);
  CHECK(again.code == 0);
  CHECK(homes.releases().back()["version"] == "3");  // back to 1, which is what was asked for
  CHECK(homes.releases().back()["values"] == homes.releases().front()["values"]);
}

TEST_CASE("the run after a kill goes on with claim and Secret; --discard-data alone removes them") {
  for (const char* step : {"release", "redis"}) {
    CAPTURE(std::string(step));
    for (const Words& more : {Words{}, Words{"--yes"}, Words{"--discard-data"}}) {
      const Homes homes;
      REQUIRE(homes.run("a", setup, {Kind::kill_after, 0, step}).code == 137);
      const std::string claimed = homes.uid(claim);
      const std::string password = homes.uid(secret);
      REQUIRE_FALSE(claimed.empty());
      const Ran again = homes.run("a", with(setup, more));
      INFO(again.err);
      CHECK(again.code == 0);
      const bool discarded = more == Words{"--discard-data"};
      CHECK((homes.uid(claim) == claimed) == !discarded);
      CHECK((homes.uid(secret) == password) == !discarded);
      CHECK(has(again.err, "what the interrupted run made for data is kept and used") == !discarded);
    }
  }
}

TEST_CASE("a claim that is there when the release is gone is nobody's to discard") {
  const Homes homes;
  REQUIRE(homes.run("a", setup, {Kind::kill_after, 0, "release"}).code == 137);
  REQUIRE(homes.run("b", setup).code == 0);
  REQUIRE(homes.run("b", {"teardown", "redis", "--yes"}).code == 0);  // keeps the data
  const std::string claimed = homes.uid(claim);
  REQUIRE_FALSE(claimed.empty());
  const Ran again = homes.run("a", with(setup, {"--discard-data"}));
  INFO(again.err);
  CHECK(again.code == 0);
  CHECK(homes.uid(claim) == claimed);
  CHECK(has(again.err, "nothing shows that that run made it"));
}

TEST_CASE("a run that lost the lock while it slept stops, changes nothing more and says who has it") {
  for (const char* step : {"redis", "credentials"}) {
    CAPTURE(std::string(step));
    const Homes homes;
    bool slept = false;
    const Ran ran = homes.run("a", setup, {}, [&](FakeCluster& cluster, const std::string& line) {
      if (slept || !line.starts_with(std::string("started: ") + step)) return;
      slept = true;
      take_lease(cluster);
      cluster.clock().advance(std::chrono::minutes(10));
    });
    INFO(ran.err);
    CHECK(ran.code == 5);
    CHECK(has(ran.err, "(process 42 on web-2"));
    CHECK(has(ran.err, "nothing was undone"));
    CHECK_FALSE(has(ran.err, "rollback"));
    for (const std::string& key : {claim, secret, std::string("namespace/raibid-redis"), lease})
      CHECK_FALSE(homes.uid(key).empty());
    CHECK(homes.uid(lease) == "theirs");
    CHECK(homes.releases().back()["status"] == "deployed");
    CHECK(homes.journal_left("a"));  // the next run judges it
  }
}

TEST_CASE("a run whose lease was deleted stops as well") {
  const Homes homes;
  bool slept = false;
  const Ran ran = homes.run("a", setup, {}, [&](FakeCluster& cluster, const std::string& line) {
    if (slept || !line.starts_with("started: redis")) return;
    slept = true;
    cluster.state()["objects"].erase(lease);
    cluster.clock().advance(std::chrono::seconds(5));
  });
  INFO(ran.err);
  CHECK(ran.code == 5);
  CHECK(has(ran.err, "lease raibid-cli-raibid-redis, is gone"));
  CHECK_FALSE(homes.uid(claim).empty());
}

TEST_CASE("a run that lost the lock before it changed anything ends with exit code 3") {
  const Homes homes;
  REQUIRE(homes.run("b", setup).code == 0);
  bool slept = false;
  const Ran ran = homes.run("a", setup, {}, [&](FakeCluster& cluster, const std::string& line) {
    if (slept || !line.starts_with("unchanged: release")) return;
    slept = true;
    take_lease(cluster);
    cluster.clock().advance(std::chrono::minutes(1));
  });
  INFO(ran.err);
  CHECK(ran.code == 3);
  CHECK(has(ran.err, "this run stopped and changed nothing"));
  CHECK_FALSE(homes.journal_left("a"));
}

TEST_CASE("a rollback stops when the lock is lost in its middle") {
  const Homes homes;
  bool slept = false;
  const Ran ran = homes.run("a", setup, {Kind::sigint, 0, "redis"}, [&](FakeCluster& cluster, const std::string& line) {
    if (slept || !has(line, "rollback")) return;
    slept = true;
    take_lease(cluster);
    cluster.clock().advance(std::chrono::minutes(10));
  });
  INFO(ran.err);
  CHECK(ran.code == 5);
  CHECK(has(ran.err, "(process 42 on web-2"));
  CHECK_FALSE(homes.uid(claim).empty());
  CHECK(homes.releases().size() == 1);
}

TEST_CASE("teardown stops when the lock is lost, before its first removal and after it") {
  for (const auto& [step, code] : std::vector<std::pair<std::string, int>>{{"release", 3}, {"claim", 5}}) {
    CAPTURE(step);
    const Homes homes;
    REQUIRE(homes.run("b", setup).code == 0);
    const std::string claimed = homes.uid(claim);
    bool slept = false;
    const Ran ran = homes.run("a", {"teardown", "redis", "-v", "--yes", "--delete-data"}, {},
                              [&, name = step](FakeCluster& cluster, const std::string& line) {
                                if (slept || !line.starts_with("started: " + name)) return;
                                slept = true;
                                take_lease(cluster);
                                cluster.clock().advance(std::chrono::seconds(30));
                              });
    INFO(ran.err);
    CHECK(ran.code == code);
    CHECK(has(ran.err, "(process 42 on web-2"));
    CHECK(homes.uid(claim) == claimed);
  }
}

TEST_CASE("a run whose journal was replaced stops") {
  const Homes homes;
  const Ran ran = homes.run("a", setup, {}, [&](FakeCluster&, const std::string& line) {
    if (line.starts_with("started: redis")) fs::remove_all(homes.home("a") / "journal");
  });
  INFO(ran.err);
  CHECK(ran.code == 5);
  CHECK(has(ran.err, "someone removed the lock of this run"));
  CHECK_FALSE(homes.uid(claim).empty());
}

TEST_CASE("a rollback leaves the pod that it has just restored alone") {
  const Homes homes;
  REQUIRE(homes.run("a", setup).code == 0);
  const fs::path deletions = homes.folder.path() / "deletions";
  const Ran failed = homes.run("a", with(setup, {"--memory-limit", "768Mi", "--restart"}), {Kind::sigterm, 0, "redis"},
                               [&](FakeCluster& cluster, const std::string&) {
                                 cluster.observe([&](int, const Command& command) {
                                   for (const std::string& word : command.argv) {
                                     if (word.find("/pods/") == std::string::npos) continue;
                                     write_atomic(deletions, word);
                                   }
                                 });
                               });
  INFO(failed.err);
  CHECK(failed.code == 143);
  CHECK(homes.releases().back()["values"] == homes.releases().front()["values"]);
  CHECK_FALSE(fs::exists(deletions));
}

TEST_CASE("a pod of the failed revision that the controller does not replace is deleted by the rollback") {
  const Homes homes;
  REQUIRE(homes.run("a", setup).code == 0);
  const Ran failed = homes.run("a", with(setup, {"--memory-limit", "768Mi", "--restart"}), {Kind::sigterm, 0, "redis"},
                               [&](FakeCluster& cluster, const std::string& line) {
                                 cluster.keeps_pods = cluster.keeps_pods || has(line, "started: rollback");
                               });
  INFO(failed.err);
  CHECK(failed.code == 143);
  const json objects = homes.now().at("objects");
  CHECK(objects.at("pod/raibid-redis-master-0").at("metadata").at("labels").at("controller-revision-hash") ==
        objects.at("statefulset/raibid-redis-master").at("status").at("updateRevision"));
}

TEST_CASE("a pod that takes its whole grace to end does not eat the minute for undoing") {
  const Homes homes;
  const Ran failed = homes.run("a", setup, {Kind::sigterm, 0, "redis"}, [](FakeCluster& cluster, const std::string&) {
    cluster.pod_grace = std::chrono::minutes(10);
  });
  INFO(failed.err);
  CHECK(failed.code == 143);
  CHECK(homes.uid("pod/raibid-redis-master-0").empty());
  CHECK(homes.uid(claim).empty());
  CHECK(homes.uid("namespace/raibid-redis").empty());
  CHECK_FALSE(homes.journal_left("a"));
}

TEST_CASE("a pod over a claim that is kept is never taken away by force, and setup says that it still ends") {
  const Homes homes;
  REQUIRE(homes.run("a", setup).code == 0);
  REQUIRE(homes.run("a", {"teardown", "redis", "-v", "--yes"}).code == 0);
  REQUIRE_FALSE(homes.uid(claim).empty());
  const std::string claimed = homes.uid(claim);
  const Ran failed = homes.run("a", setup, {Kind::sigterm, 0, "redis"}, [](FakeCluster& cluster, const std::string&) {
    cluster.pod_grace = std::chrono::minutes(10);
  });
  INFO(failed.err);
  CHECK(failed.code == 143);
  CHECK(has(failed.err, "pod raibid-redis-master-0 is still ending"));
  CHECK_FALSE(homes.uid("pod/raibid-redis-master-0").empty());
  CHECK(homes.uid(claim) == claimed);
}

}  // namespace raibid::takeover_test
