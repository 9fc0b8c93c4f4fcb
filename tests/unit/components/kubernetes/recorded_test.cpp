#include "components/kubernetes/rollout.hpp"
#include "fakes/recorded_cluster.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

using namespace raibid;
using std::chrono::milliseconds;

TEST_CASE("print") {
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(RAIBID_SOURCE_DIR) / "tests/fixtures/rollout")) {
    if (entry.path().extension() != ".json") continue;
    RecordedCluster cluster(entry.path().stem());
    Kubectl kubectl(cluster, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
    Rollout rollout(cluster, cluster.clock(), kubectl, "app=app", "app-master");
    rollout.start();
    std::string last;
    fmt::print("=== {}\n", entry.path().stem().string());
    while (cluster.elapsed() < 60000) {
      cluster.wait(rollout.processes(), cluster.now() + milliseconds(250));
      rollout.pump();
      const Verdict v = rollout.verdict();
      const std::string line = fmt::format("{} {} {}\n     {}", v.state == Verdict::State::doomed ? "DOOMED" : v.state == Verdict::State::ready ? "ready" : "waiting", v.reason, v.text, v.hint);
      if (line != last) fmt::print("{:6} {}\n", cluster.elapsed(), line);
      last = line;
      if (v.state != Verdict::State::waiting && cluster.elapsed()>0 && entry.path().stem() != "pod-deleted") break;
    }
  }
}
