// What Redis has acknowledged is there after its pod or its process was killed, and after a teardown that keeps the
// data.
#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/machine.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

constexpr const char* pod = "raibid-redis-master-0";

/// Milliseconds of Redis' clock.
std::int64_t time_of(const std::string& id) { return std::stoll(id); }

class DataCli : public ClusterCli {
 public:
  using ClusterCli::ClusterCli;

  std::vector<std::string> inside(const std::string& script) {
    return {"connect", "redis", "-n", name_space(), "--", "sh", "-c", script};
  }
  /// The ids of all jobs, oldest first.
  std::vector<std::string> jobs() {
    const Output output = (*this)(inside(R"sh(redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" XRANGE raibid:jobs - +)sh"));
    INFO(said(output));
    REQUIRE(output.status == 0);
    return ids(output.out);
  }

  /// Adds jobs one after the other, calls `kill` in the middle, and returns the ids of those that were acknowledged.
  template <typename Kill>
  std::vector<std::string> add_until(Kill&& kill) {
    const std::unique_ptr<Process> writer = start(inside(
        R"sh(while id=$(redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" XADD raibid:jobs '*' n 1 2>/dev/null) && [ "$id" ]; do echo "$id"; done)sh"));
    const TimePoint until = runner().now() + std::chrono::seconds(60);
    Process* const waiting = writer.get();
    // long enough that most jobs are older than what may be lost
    for (std::vector<std::string> all; all.size() < 100 || time_of(all.back()) - time_of(all.front()) < 5000;
         all = ids(writer->out())) {
      REQUIRE(runner().wait({&waiting, 1}, until));
    }
    kill();
    while (!writer->finished()) REQUIRE(runner().wait({&waiting, 1}, until));
    return ids(writer->out());
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
  static std::vector<std::string> ids(const std::string& text) {
    std::vector<std::string> found;
    for (const std::string& line : split(text, '\n')) {
      if (line.find('-') != std::string::npos) found.emplace_back(trim(line));
    }
    return found;
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

/// Nothing acknowledged is missing: what Redis has written the kernel keeps, whatever becomes of the process.
void check_kept(const std::string& what, const std::vector<std::string>& acknowledged,
                const std::vector<std::string>& there) {
  REQUIRE(acknowledged.size() >= 99);
  const auto is_missing = [&](const std::string& id) {
    return std::find(there.begin(), there.end(), id) == there.end();
  };
  const auto lost = std::count_if(acknowledged.begin(), acknowledged.end(), is_missing);
  MESSAGE(what << ": " << acknowledged.size() << " acknowledged, " << lost << " lost");
  CHECK(lost == 0);
}

}  // namespace

TEST_CASE("data: what was acknowledged outlives a pod deleted by force, a killed server, and a teardown") {
  if (!have_cluster()) return;
  DataCli cli("raibid-test-data");
  REQUIRE(cli.setup().status == 0);
  const std::string password = cli({"url", "redis", "-n", cli.name_space(), "--with-password"}).out;

  const auto delete_by_force = [&] {
    kubectl({"delete", "pod", pod, "-n", cli.name_space(), "--force", "--grace-period=0"});
  };
  cli.remember();
  std::vector<std::string> acknowledged = cli.add_until(delete_by_force);
  cli.wait_until_ready();
  std::vector<std::string> kept = cli.jobs();
  check_kept("the pod deleted by force", acknowledged, kept);

  if (const char* cluster = ::getenv("RAIBID_CLUSTER")) {  // the test cluster's node is a machine that we may enter
    // that of this pod alone: other tests have theirs on the same node
    const auto signal_server = [&](const std::string& signal) {
      const std::string uid = kubectl({"get", "pod", pod, "-n", cli.name_space(), "-o", "jsonpath={.metadata.uid}"});
      REQUIRE(!uid.empty());
      must({cluster, "exec", "sh", "-c",
            R"sh(for process in /proc/[0-9]*; do
              case $(cat "$process/comm" 2>/dev/null) in redis-server | valkey-server)
                if grep -q "$2" "$process/mountinfo"; then kill "-$1" "${process#/proc/}"; fi ;;
              esac
            done)sh",
            "sh", signal, uid});
    };
    cli.remember();
    acknowledged = cli.add_until([&] { signal_server("KILL"); });
    cli.wait_until_ready();
    const std::vector<std::string> before = std::exchange(kept, cli.jobs());
    check_kept("the server killed", acknowledged, kept);
    CHECK(std::search(kept.begin(), kept.end(), before.begin(), before.end()) == kept.begin());

    // a server that does not end: the next pod's begins only when the kubelet has killed it
    cli.remember();
    signal_server("STOP");
    delete_by_force();
    cli.wait_until_ready();
    CHECK(kubectl({"logs", pod, "-n", cli.name_space(), "-c", "redis"}).find("another server uses /data") == 0);
    CHECK(cli.jobs() == kept);
  }

  REQUIRE(cli.teardown({"--yes"}).status == 0);
  REQUIRE(cli.setup().status == 0);
  CHECK(cli.jobs() == kept);
  CHECK(cli({"url", "redis", "-n", cli.name_space(), "--with-password"}).out == password);
  REQUIRE(cli.teardown({"--yes", "--delete-data"}).status == 0);
}
