#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <sstream>

#include "components/kubernetes/release_state.hpp"
#include "fakes/fake_desk.hpp"
#include "fakes/fake_random.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_reporter.hpp"
#include "fakes/fake_runner.hpp"
#include "support/helm_secret.hpp"
#include "sys/files.hpp"
#include "sys/signals.hpp"

namespace raibid::release_state_test {

using nlohmann::json;

namespace {

constexpr const char* manifest =
    "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: main\nspec:\n  selector:\n    app: redis\n"
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: files\ndata:\n  a: b\n";

struct Desk : test::FakeDesk {
  Kubectl kubectl{runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps"};

  ReleaseState read(const json& records, const Output& objects) {
    const std::vector<Command> questions = ReleaseState::questions(kubectl, "jobs");
    const std::vector<Output> answers = {{0, json{{"items", records}}.dump(), ""}, objects};
    return ReleaseState::read(context, kubectl, "jobs", questions, answers);
  }
};

json live(const std::string& version, const std::string& kind, const std::string& name, const json& more) {
  json object = {{"apiVersion", version}, {"kind", kind}, {"metadata", {{"name", name}}}};
  object = as_helm_applies(object, {"jobs", "apps"});
  object["metadata"]["namespace"] = "apps";
  object["metadata"]["labels"]["app.kubernetes.io/instance"] = "jobs";
  object.update(more, true);
  return object;
}

json service(const json& selector = {{"app", "redis"}}) {
  return live("v1", "Service", "main", {{"spec", {{"selector", selector}, {"type", "ClusterIP"}}}});
}
json files() { return live("v1", "ConfigMap", "files", {{"data", {{"a", "b"}}}}); }
json pod(bool ready) {
  const json condition = {{"type", "Ready"}, {"status", ready ? "True" : "False"}};
  return live("v1", "Pod", "redis-0",
              {{"metadata", {{"labels", {{"app", "redis"}}}}}, {"status", {{"conditions", {condition}}}}});
}
json slice(bool ready) {
  const json endpoint = {{"conditions", {{"ready", ready}}}};
  return live("discovery.k8s.io/v1", "EndpointSlice", "main-x",
              {{"metadata", {{"labels", {{"kubernetes.io/service-name", "main"}}}}},
               {"endpoints", {endpoint}},
               {"ports", {{{"port", 6379}}}}});
}
Output list(const json& items) { return {0, json{{"items", items}}.dump(), ""}; }

const json records =
    json::array({test::helm_secret("jobs", "apps", 2, manifest), test::helm_secret("jobs", "apps", 3, manifest),
                 test::helm_secret("jobs", "other", 4, "---\n")});

using Dead = std::map<std::string, std::string>;

}  // namespace

TEST_CASE("a release is compared with its newest record") {
  Desk desk;
  const ReleaseState state = desk.read(records, list({service(), files(), pod(true), slice(true)}));
  CHECK(state.unknown().empty());
  CHECK(state.revision() == 3);
  CHECK(state.drift().empty());
  CHECK(state.dead_services().empty());
}

TEST_CASE("what the list does not have is asked for by name before it counts as missing") {
  Desk desk;
  desk.runner.expect(argv_has({"get", "--ignore-not-found", "-f", "-"}), list(json::array({files()})));
  CHECK(desk.read(records, list({service(), pod(true), slice(true)})).drift().empty());
  desk.runner.expect(argv_has({"get", "--ignore-not-found", "-f", "-"}), {});
  const ReleaseState state = desk.read(records, list({service(), pod(true), slice(true)}));
  REQUIRE(state.drift().size() == 1);
  CHECK(state.drift()[0].lines() == std::vector<std::string>{"ConfigMap files is missing"});
  const json repair = state.repair().at("apps")["items"][0];
  CHECK(repair["data"] == json{{"a", "b"}});
  CHECK(repair["metadata"]["annotations"]["meta.helm.sh/release-name"] == "jobs");
}

TEST_CASE("a Service that leads to no ready pod has a reason") {
  Desk desk;
  CHECK(desk.read(records, list({service(), files(), pod(false), slice(false)})).dead_services() ==
        Dead{{"main", "pod redis-0 is not Ready"}});
  CHECK(desk.read(records, list({service({{"app", "x"}}), files(), pod(true)})).dead_services() ==
        Dead{{"main", "its selector matches no pod"}});
}

TEST_CASE("the endpoints of a pod that has just become Ready are given a moment") {
  Desk desk;
  desk.runner.expect(argv_has({"get", "endpointslices.discovery.k8s.io"}), list(json::array({slice(false)})));
  desk.runner.expect(argv_has({"get", "endpointslices.discovery.k8s.io"}), list(json::array({slice(true)})));
  CHECK(desk.read(records, list({service(), files(), pod(true)})).dead_services().empty());
}

TEST_CASE("a login that may not list the objects still knows what the release has") {
  Desk desk;
  const ReleaseState state =
      desk.read(records, {1, "", "Error from server (Forbidden): configmaps is forbidden: User \"bob\" cannot list\n"});
  CHECK_FALSE(state.unknown().empty());
  CHECK(state.drift().empty());
  CHECK(state.manifest().size() == 2);
  CHECK_FALSE(desk.read(json::array(), list(json::array())).unknown().empty());
}

}  // namespace raibid::release_state_test
