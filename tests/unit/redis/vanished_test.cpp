#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <sstream>

#include "components/redis/place/kubernetes/vanished.hpp"
#include "fakes/fake_desk.hpp"
#include "fakes/fake_random.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_reporter.hpp"
#include "fakes/fake_runner.hpp"
#include "support/helm_secret.hpp"
#include "sys/files.hpp"
#include "sys/signals.hpp"
#include "tools/helm_record.hpp"

namespace raibid::vanished_test {

using nlohmann::json;

namespace {

constexpr const char* kept =
    "---\n# Source: redis/templates/services.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: main\n"
    "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: master\n";
const std::string monitor =
    "---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata:\n  name: jobs\n";

struct Desk : test::FakeDesk {
  Cluster cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""};
  Kubectl kubectl{runner, cluster, "apps"};
  Helm helm{runner, cluster, "apps"};

  void expect_records(const std::string& manifest) {
    json secret = test::helm_secret("jobs", "apps", 2, manifest);
    secret["metadata"]["resourceVersion"] = "41";
    const json older = test::helm_secret("jobs", "apps", 1, kept);
    runner.expect(argv_has({"get", "secrets", "-l", "owner=helm,name=jobs"}),
                  {0, json{{"items", {older, secret}}}.dump(), ""});
  }
  void expect_group(const std::string& group, int status, const std::string& said, const std::string& err) {
    runner.expect(argv_has({"--raw", "/apis/" + group}), {status, said, err});
  }
  void expect_apps() {
    expect_group("apps/v1", 0, R"({"kind": "APIResourceList", "resources": [{"kind": "StatefulSet"}]})", "");
  }
  std::vector<std::string> take_out() {
    return take_out_vanished(context, kubectl, "jobs", runner.now() + std::chrono::minutes(1));
  }
};

}  // namespace

TEST_CASE("an object whose kind has vanished goes out of Helm's record, and nothing else does") {
  for (const bool group_is_gone : {true, false}) {
    Desk desk;
    desk.expect_records(kept + monitor);
    desk.expect_apps();
    if (group_is_gone) {
      desk.expect_group("monitoring.coreos.com/v1", 1, "",
                        "Error from server (NotFound): the server could not find the requested resource\n");
    } else {
      desk.expect_group("monitoring.coreos.com/v1", 0,
                        R"({"kind": "APIResourceList", "resources": [{"kind": "PodMonitor"}]})", "");
    }
    desk.runner.expect(argv_has({"replace", "-f", "-"}), {0, "{}", ""});
    CHECK(desk.take_out() == std::vector<std::string>{"ServiceMonitor jobs"});
    const json written = json::parse(desk.runner.call("replace").input);
    CHECK(written["metadata"]["name"] == "sh.helm.release.v1.jobs.v2");
    CHECK(written["metadata"]["resourceVersion"] == "41");  // someone else's change in between is not overwritten
    CHECK(read_helm_record(written)->manifest == kept);
  }
}

TEST_CASE("a group that does not answer has not vanished") {
  Desk desk;
  desk.expect_records(kept + monitor);
  desk.expect_apps();
  desk.expect_group("monitoring.coreos.com/v1", 1, "",
                    "Error from server (ServiceUnavailable): the server is currently unable to handle the request\n");
  CHECK(desk.take_out().empty());
}

TEST_CASE("helm is run once more when something had vanished, and its error stands when nothing had") {
  for (const bool vanished : {true, false}) {
    Desk desk;
    desk.runner.expect(argv_has({"uninstall", "jobs"}), {1, "", "Error: failed to delete release: jobs\n"});
    desk.expect_records(vanished ? kept + monitor : kept);
    desk.expect_apps();
    if (vanished) {
      desk.expect_group("monitoring.coreos.com/v1", 1, "", "Error from server (NotFound): not found\n");
      desk.runner.expect(argv_has({"replace", "-f", "-"}), {0, "{}", ""});
      desk.runner.expect(argv_has({"uninstall", "jobs"}), {0, "release \"jobs\" uninstalled\n", ""});
    }
    const auto uninstall = [&] {
      run_helm(desk.context, desk.kubectl, desk.helm, "jobs", desk.helm.uninstall("jobs"),
               desk.runner.now() + std::chrono::minutes(1));
    };
    if (vanished) {
      CHECK_NOTHROW(uninstall());
    } else {
      CHECK_THROWS_AS(uninstall(), Error);
    }
  }
}

}  // namespace raibid::vanished_test
