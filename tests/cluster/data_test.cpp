// What Redis has acknowledged is there after its pod or its process was killed, and after a teardown that keeps the
// data.
#include <doctest/doctest.h>

#include <charconv>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/machine.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

constexpr const char* pod = "raibid-redis-master-0";

class DataCli : public ClusterCli {
 public:
  using ClusterCli::ClusterCli;

  std::vector<std::string> inside(const std::string& script) {
    return {"connect", "redis", "-n", name_space(), "--", "sh", "-c", script};
  }
  int length() {
    const Output output = (*this)(inside(R"(redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" XLEN raibid:jobs)"));
    INFO(said(output));
    REQUIRE(output.status == 0);
    return number(output.out);
  }

  /// Adds jobs one after the other, calls `kill` in the middle, and returns how many were acknowledged by then.
  template <typename Kill>
  int add_until(Kill&& kill) {
    const std::unique_ptr<Process> writer = start(inside(
        R"sh(n=0; while [ "$(redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" XADD raibid:jobs '*' n $n 2>/dev/null)" ]; do n=$((n + 1)); echo $n; done)sh"));
    const TimePoint until = runner().now() + std::chrono::seconds(60);
    Process* const waiting = writer.get();
    while (split(writer->out(), '\n').size() < 100) REQUIRE(runner().wait({&waiting, 1}, until));
    kill();
    while (!writer->finished()) REQUIRE(runner().wait({&waiting, 1}, until));
    std::string said(trim(writer->out()));
    return number(said.substr(said.rfind('\n') + 1));
  }

  void wait_until_ready() {
    const auto ready = [&](const nlohmann::json& found) {
      for (const auto& condition : found.value("/status/conditions"_json_pointer, nlohmann::json::array())) {
        if (condition.at("type") == "Ready" && condition.at("status") == "True") return true;
      }
      return false;
    };
    const TimePoint until = runner().now() + std::chrono::seconds(90);
    for (;;) {
      const std::string found = kubectl({"get", "pod", pod, "-n", name_space(), "--ignore-not-found", "-o", "json"});
      if (!trim(found).empty() && identity(nlohmann::json::parse(found)) != m_killed &&
          ready(nlohmann::json::parse(found)))
        return;
      REQUIRE(runner().now() < until);
      runner().wait({}, runner().now() + std::chrono::milliseconds(200));
    }
  }
  /// From here on another pod, or another container, is waited for.
  void remember() { m_killed = identity(kubectl_json({"get", "pod", pod, "-n", name_space()})); }

 private:
  static int number(std::string_view text) {
    text = trim(text);
    int value = -1;
    std::from_chars(text.data(), text.data() + text.size(), value);
    REQUIRE(value >= 0);
    return value;
  }
  static std::string identity(const nlohmann::json& found) {
    std::string text = found.at("metadata").at("uid");
    for (const auto& container : found.value("/status/containerStatuses"_json_pointer, nlohmann::json::array())) {
      if (container.at("name") == "redis") text += container.value("containerID", "");
    }
    return text;
  }

  std::string m_killed;
};

}  // namespace

TEST_CASE("data: what was acknowledged outlives a pod deleted by force, a killed server, and a teardown") {
  if (!have_cluster()) return;
  DataCli cli("raibid-test-data");
  REQUIRE(cli.setup().status == 0);
  const std::string password = cli({"url", "redis", "-n", cli.name_space(), "--with-password"}).out;

  cli.remember();
  int acknowledged = cli.add_until([&] {
    kubectl({"delete", "pod", pod, "-n", cli.name_space(), "--force", "--grace-period=0"});
  });
  cli.wait_until_ready();
  CHECK(acknowledged >= 99);
  int kept = cli.length();
  CHECK(kept >= acknowledged);
  MESSAGE("the pod deleted by force: " << acknowledged << " acknowledged, " << kept << " kept");

  if (const char* cluster = ::getenv("RAIBID_CLUSTER")) {  // the test cluster's node is a machine that we may enter
    cli.remember();
    const int before = kept;
    acknowledged = cli.add_until([&] { must({cluster, "exec", "pkill", "-KILL", "-f", "^(/[^ ]*/)?(redis|valkey)-server "}); });
    cli.wait_until_ready();
    kept = cli.length();
    CHECK(kept >= before + acknowledged);
    MESSAGE("the server killed: " << before + acknowledged << " acknowledged, " << kept << " kept");
  }

  REQUIRE(cli.teardown({"--yes"}).status == 0);
  REQUIRE(cli.setup().status == 0);
  CHECK(cli.length() == kept);
  CHECK(cli({"url", "redis", "-n", cli.name_space(), "--with-password"}).out == password);
  REQUIRE(cli.teardown({"--yes", "--delete-data"}).status == 0);
}
