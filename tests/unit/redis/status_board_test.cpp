#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/registry.hpp"
#include "fakes/fake_random.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_runner.hpp"
#include "sys/files.hpp"
#include "sys/signals.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <sstream>

namespace raibid::status_board_test {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

/// Redises by their local port: the silent ones take a connection and let every command run into its time limit.
class Redises final : public RedisConnector {
 public:
  explicit Redises(FakeClock& clock) : m_clock(clock) {}

  std::map<int, bool> silent;
  std::map<int, Duration> longest;  ///< that a server was given for an answer

  std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration timeout) override {
    const int port = endpoint.port;
    longest[port] = std::max(longest[port], timeout);
    const bool is_silent = silent[port];
    m_redises.push_back(std::make_unique<FakeRedis>([this, is_silent, timeout](const std::string&) {
      if (!is_silent) return FakeRedis::status("PONG");
      m_clock.advance(timeout);
      throw Error(ExitCode::failure, fmt::format("did not answer within {} ms", timeout.count()));
    }));
    return m_redises.back()->connect(endpoint, timeout);
  }

 private:
  FakeClock& m_clock;
  std::vector<std::unique_ptr<FakeRedis>> m_redises;
};

json objects(const std::string& kind, const std::vector<std::string>& releases) {
  json items = json::array();
  for (const std::string& release : releases) {
    const RedisNames names(release, release);
    const std::string name = kind == "Pod" ? names.pod : kind == "Secret" ? names.full : names.workload;
    items.push_back(
        {{"kind", kind},
         {"metadata",
          {{"name", name}, {"namespace", release}, {"labels", {{"app.kubernetes.io/instance", release}}}}}});
  }
  return items;
}

std::string list_of(const json& items) { return json{{"kind", "List"}, {"items", items}}.dump(); }

}  // namespace

TEST_CASE("silent Redises take nothing of their neighbours' time in status") {
  const std::vector<std::string> releases = {"a", "b", "c", "d"};  // a, b and c are silent
  FakeRunner runner;
  runner.expect(argv_has({"config", "view"}),
                {0, R"({"current-context": "dev", "clusters": [{"name": "c", "cluster": {"server": "https://c"}}],
                       "contexts": [{"name": "dev", "context": {"cluster": "c", "user": ""}}], "users": []})",
                 "", false});
  std::string records;
  for (const std::string& release : releases) {
    records += fmt::format(
        "{0}   sh.helm.release.v1.{0}.v1   helm.sh/release.v1   1   5s   "
        "name={0},owner=helm,status=deployed,version=1\n",
        release);
  }
  json found = objects("StatefulSet", releases);
  for (const json& pod : objects("Pod", releases)) found.push_back(pod);
  runner.expect(argv_has({"get", "secrets", "--show-labels"}), {0, records, "", false});
  runner.expect(argv_has({"get", "--all-namespaces", "app.kubernetes.io/name=redis"}), {0, list_of(found), "", false});
  runner.expect(argv_has({"get", "secrets", "--field-selector"}), {0, list_of(objects("Secret", releases)), "", false});
  runner.expect(argv_has({"get", "secrets", "--all-namespaces"}), {0, list_of(json::array()), "", false});
  Redises redises(runner.clock());
  int port = 40001;
  for (const std::string& release : releases) {
    runner.expect(argv_has({"get", "namespace/" + release}), {0, list_of(json::array()), "", false});
    runner.expect_stream(argv_has({"port-forward", "pod/" + RedisNames(release, release).pod}))
        .says(fmt::format("Forwarding from 127.0.0.1:{} -> 6379\n", port));
    redises.silent[port] = release != "d";
    ++port;
  }
  const TemporaryDirectory folder(fs::temp_directory_path());
  FakeRandom random;
  Signals signals;
  std::ostringstream out, err;
  const TimePoint started = runner.now();
  const CliDependencies dependencies{out,    err,     Terminal{}, {{"HOME", folder.path()}}, runner, runner.clock(),
                                     random, signals, redises};
  const std::vector<std::string> words = {"status", "--target", "kubernetes", "-o", "json"};
  run_cli(words, dependencies, components());
  INFO(out.str() << err.str());
  CHECK(redises.longest[40004] >= 300ms);  // the last of four, and healthy
  for (const int silent : {40001, 40002, 40003}) CHECK(redises.longest[silent] >= 2s);
  CHECK(runner.now() - started < 12s);
  const json rows = json::parse(out.str());
  REQUIRE(rows.size() == 4);
  for (std::size_t i = 0; i < releases.size(); ++i) CHECK(rows[i]["release"]["name"] == releases[i]);
  CHECK(rows[3].dump().find("did not answer within") == std::string::npos);
  CHECK(rows[0].dump().find("did not answer within") != std::string::npos);
}

}  // namespace raibid::status_board_test
