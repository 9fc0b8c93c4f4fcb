#include <doctest/doctest.h>

#include "base/error.hpp"
#include "components/kubernetes/namespace_contents.hpp"
#include "fakes/fake_runner.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

using Names = std::vector<std::string>;

/// A cluster that has these kinds, and a namespace that holds these items.
struct Namespace {
  FakeRunner runner;
  std::string groups = R"({"kind": "APIGroupList", "groups": []})";
  Kubectl kubectl{runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps"};

  Names contents(const std::string& kinds, const std::string& items, Output answer = {}) {
    answer.out = kinds;
    runner.expect(argv_has({"api-resources", "--namespaced=true"}), answer);
    runner.expect(argv_has({"api-resources"}), answer);
    runner.expect(argv_has({"--raw", "/apis"}), {0, groups, "", false});
    runner.expect(argv_has({"get", "--ignore-not-found"}), {0, items, "", false});
    return namespace_contents(kubectl, "lease.coordination.k8s.io/ours", runner.now() + std::chrono::seconds(10));
  }
  std::string asked_kinds() const {
    for (const FakeRunner::Call& call : runner.calls()) {
      for (std::size_t i = 0; i + 2 < call.argv.size(); ++i) {
        if (call.argv[i] == "get" && call.argv[i + 1] != "--raw") return call.argv[i + 1];
      }
    }
    return "";
  }
};

Output down(const std::string& groups) {
  return {1, "", "error: unable to retrieve the complete list of server APIs: " + groups + "\n", false};
}

}  // namespace

TEST_CASE("a namespace's contents are everything but what Kubernetes itself makes") {
  Namespace space;
  const std::string items =
      "v1\tConfigMap\tkube-root-ca.crt\t\t\t\n"
      "v1\tServiceAccount\tdefault\t\t\t\n"
      "v1\tSecret\tdefault-token-x7k2p\t\tdefault\t\n"
      "v1\tService\tweb\t\t\t\n"
      "v1\tEndpoints\tweb\t\t\t\n"
      "v1\tEndpoints\tgone\t\t\t2026-01-31T12:00:00Z\n"
      "discovery.k8s.io/v1\tEndpointSlice\tweb-8zk4t\tService\t\t\n"
      "apps/v1\tControllerRevision\tdb-7fb9f\tStatefulSet\t\t\n"
      "batch/v1\tJob\traibid-redis-trim-29\tCronJob\t\t\n"
      "v1\tPod\traibid-redis-trim-29-x\tJob\t\t\n"
      "coordination.k8s.io/v1\tLease\tours\t\t\t\n"
      "coordination.k8s.io/v1\tLease\ttheirs\t\t\t\n";
  CHECK(space.contents("secrets\npods\nevents\nevents.events.k8s.io\n", items) ==
        Names{"service/web", "lease.coordination.k8s.io/theirs"});
  CHECK(space.asked_kinds() == "secrets,pods");
}

TEST_CASE("what only looks like Kubernetes' own is someone's data") {
  Namespace space;
  const std::string items =
      "argoproj.io/v1alpha1\tEventSource\twebhook\t\t\t\n"
      "argoproj.io/v1alpha1\tEventBus\tdefault\t\t\t\n"
      "triggers.tekton.dev/v1beta1\tEventListener\tgithub\t\t\t\n"
      "example.com/v1\tConfigMap\tkube-root-ca.crt\t\t\t\n"
      "v1\tConfigMap\tkube-root-ca.crt.bak\t\t\t\n"
      "v1\tSecret\tdefault-token-of-our-shop\t\t\t\n"
      "v1\tEndpoints\tdatabase\t\t\t\n"
      "discovery.k8s.io/v1\tEndpointSlice\tdatabase-1\t\t\t\n"
      "example.com/v1\tEndpointSliceMirror\tm\t\t\t\n"
      "batch/v1\tJob\tby-hand\t\t\t\n"
      "v1\tPod\tby-hand\t\t\t\n"
      "apps/v1\tControllerRevision\tby-hand\t\t\t\n";
  const Names found = space.contents(
      "eventsources.argoproj.io\neventbus.argoproj.io\nevents.example.com\npods.my.metrics.k8s.io\n", items);
  CHECK(found == Names{"eventsource.argoproj.io/webhook", "eventbus.argoproj.io/default",
                       "eventlistener.triggers.tekton.dev/github", "configmap.example.com/kube-root-ca.crt",
                       "configmap/kube-root-ca.crt.bak", "secret/default-token-of-our-shop", "endpoints/database",
                       "endpointslice.discovery.k8s.io/database-1", "endpointslicemirror.example.com/m",
                       "job.batch/by-hand", "pod/by-hand", "controllerrevision.apps/by-hand"});
  CHECK(space.asked_kinds() ==
        "eventsources.argoproj.io,eventbus.argoproj.io,events.example.com,pods.my.metrics.k8s.io");
}

TEST_CASE("metrics that do not answer hide nobody's data") {
  Namespace space;
  const Output answer = down(
      "custom.metrics.k8s.io/v1beta2: the server is currently unable to handle the request, "
      "metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1");
  CHECK(space.contents("secrets\npods.metrics.k8s.io\n", "v1\tSecret\ttheirs\t\t\t\n", answer) ==
        Names{"secret/theirs"});
  CHECK(space.asked_kinds() == "secrets");
}

TEST_CASE("another group that does not answer is named, because what it holds cannot be seen") {
  FakeRunner runner;
  const Kubectl kubectl(runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
  Output answer = down("metrics.k8s.io/v1beta1: gone, orders.example.com/v1: the server is currently unable, too");
  answer.out = "secrets\n";
  runner.expect(argv_has({"api-resources", "--namespaced=true"}), answer);
  runner.expect(argv_has({"api-resources"}), {0, "secrets\n", "", false});
  runner.expect(argv_has({"--raw", "/apis"}), {0, R"({"groups": []})", "", false});
  const Error error = error_of([&] { namespace_contents(kubectl, "", runner.now() + std::chrono::seconds(10)); });
  CHECK(error.message() ==
        "APIService v1.orders.example.com does not answer, so what namespace apps holds of it cannot be seen");
  CHECK(error.hint().find("kubectl --context dev -n apps get apiservice v1.orders.example.com") != std::string::npos);
}

TEST_CASE("a group that kubectl leaves out without a word is asked itself") {
  const std::string groups = R"({"groups": [
    {"name": "apps", "preferredVersion": {"groupVersion": "apps/v1"}},
    {"name": "metrics.k8s.io", "preferredVersion": {"groupVersion": "metrics.k8s.io/v1beta1"}},
    {"name": "empty.example.com", "preferredVersion": {"groupVersion": "empty.example.com/v1"}},
    {"name": "orders.example.com", "preferredVersion": {"groupVersion": "orders.example.com/v1"}}]})";
  Namespace space;
  space.groups = groups;
  space.runner.expect(argv_has({"--raw", "/apis/empty.example.com/v1"}),
                      {0, R"({"kind": "APIResourceList", "resources": []})", "", false});
  SUBCASE("it does not answer") {
    space.runner.expect(argv_has({"--raw", "/apis/orders.example.com/v1"}),
                        {1, "", "Error from server (ServiceUnavailable): the server is unable", false});
  }
  SUBCASE("it answers again: what it holds was not listed") {
    space.runner.expect(argv_has({"--raw", "/apis/orders.example.com/v1"}),
                        {0, R"({"kind": "APIResourceList", "resources": [{"name": "orders"}]})", "", false});
  }
  space.runner.expect(argv_has({"api-resources", "--namespaced=true"}), {0, "statefulsets.apps\n", "", false});
  space.runner.expect(argv_has({"api-resources"}), {0, "statefulsets.apps\n", "", false});
  space.runner.expect(argv_has({"--raw", "/apis"}), {0, groups, "", false});
  const Error error =
      error_of([&] { namespace_contents(space.kubectl, "", space.runner.now() + std::chrono::seconds(10)); });
  CHECK(error.message() ==
        "APIService v1.orders.example.com does not answer, so what namespace apps holds of it cannot be seen");
}

TEST_CASE("a list of kinds that fails for another reason is an error") {
  FakeRunner runner;
  const Kubectl kubectl(runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
  const Output refused = {1, "secrets\n", "error: You must be logged in to the server\n", false};
  runner.expect(argv_has({"api-resources", "--namespaced=true"}), refused);
  runner.expect(argv_has({"api-resources"}), refused);
  runner.expect(argv_has({"--raw", "/apis"}), refused);
  CHECK_THROWS_AS(namespace_contents(kubectl, "", runner.now() + std::chrono::seconds(10)), Error);
}

TEST_CASE("an item that cannot be understood is an error, not nothing") {
  FakeRunner runner;
  const Kubectl kubectl(runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
  runner.expect(argv_has({"api-resources", "--namespaced=true"}), {0, "secrets\n", "", false});
  runner.expect(argv_has({"api-resources"}), {0, "secrets\n", "", false});
  runner.expect(argv_has({"--raw", "/apis"}), {0, R"({"groups": []})", "", false});
  runner.expect(argv_has({"get", "--ignore-not-found"}), {0, "warning: something\n", "", false});
  CHECK_THROWS_AS(namespace_contents(kubectl, "", runner.now() + std::chrono::seconds(10)), Error);
}

namespace {

/// As the API answers for /api and /apis, one after the other.
std::string served(const std::string& more = {}) {
  return R"({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {}, "versions": [{"version": "v1", "resources": [
      {"resource": "secrets", "responseKind": {"kind": "Secret"}, "scope": "Namespaced", "verbs": ["get", "list"]},
      {"resource": "events", "responseKind": {"kind": "Event"}, "scope": "Namespaced", "verbs": ["list"]},
      {"resource": "bindings", "responseKind": {"kind": "Binding"}, "scope": "Namespaced", "verbs": ["create"]},
      {"resource": "nodes", "responseKind": {"kind": "Node"}, "scope": "Cluster", "verbs": ["list"]}],
      "freshness": "Current"}]}]}
{"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "shop.example.com"}, "versions": [
      {"version": "v2", "freshness": "Current", "resources": [
        {"resource": "orders", "responseKind": {"kind": "Order"}, "scope": "Namespaced", "verbs": ["list"]}]},
      {"version": "v1", "freshness": "Current", "resources": [
        {"resource": "orders", "responseKind": {"kind": "Order"}, "scope": "Namespaced", "verbs": ["list"]},
        {"resource": "carts", "responseKind": {"kind": "Cart"}, "scope": "Namespaced", "verbs": ["list"]}]}]})" +
         more + "]}\n";
}

}  // namespace

TEST_CASE("the API itself tells which kinds there are, and what there is of them") {
  FakeRunner runner;
  const Kubectl kubectl(runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
  runner.expect(argv_has({"api-resources", "--namespaced=true"}), {0, served(), "", false});
  runner.expect(argv_has({"--raw", "/apis"}), {0, R"({"groups": [
    {"name": "shop.example.com", "preferredVersion": {"groupVersion": "shop.example.com/v2"}}]})",
                                               "", false});
  runner.expect(argv_has({"get", "secrets,orders.shop.example.com,carts.shop.example.com"}),
                {0, R"({"kind": "List", "items": [
    {"servedKind": "Secret", "servedVersion": "v1", "kind": "PartialObjectMetadata", "metadata": {"name": "theirs"}},
    {"servedKind": "Secret", "servedVersion": "v1", "metadata": {"name": "default-token-x", "annotations": {
      "kubernetes.io/service-account.name": "default"}}},
    {"servedKind": "Order", "servedVersion": "shop.example.com/v2", "metadata": {"name": "o1"}}]})",
                 "", false});
  CHECK(namespace_contents(kubectl, "", runner.now() + std::chrono::seconds(10)) ==
        Names{"secret/theirs", "order.shop.example.com/o1"});
}

TEST_CASE("a group that the API calls stale could hold someone's data; metrics could not") {
  const auto stale = [](const std::string& group) {
    return R"(,{"metadata": {"name": ")" + group + R"("}, "versions": [{"version": "v1", "freshness": "Stale"}]})";
  };
  FakeRunner runner;
  const Kubectl kubectl(runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
  runner.expect(argv_has({"--raw", "/apis"}), {0, R"({"groups": []})", "", false});
  const TimePoint deadline = runner.now() + std::chrono::seconds(10);
  SUBCASE("orders") {
    runner.expect(argv_has({"api-resources", "--namespaced=true"}), {0, served(stale("old.example.com")), "", false});
    CHECK(error_of([&] { namespace_contents(kubectl, "", deadline); }).message() ==
          "APIService v1.old.example.com does not answer, so what namespace apps holds of it cannot be seen");
  }
  SUBCASE("metrics") {
    runner.expect(argv_has({"api-resources", "--namespaced=true"}), {0, served(stale("metrics.k8s.io")), "", false});
    runner.expect(argv_has({"get", "--ignore-not-found"}), {0, R"({"kind": "List", "items": []})", "", false});
    CHECK(namespace_contents(kubectl, "", deadline).empty());
  }
}

TEST_CASE("where the API does not list its kinds, kubectl does") {
  FakeRunner runner;
  const Kubectl kubectl(runner, Cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""}, "apps");
  const std::string names = R"({"kind": "APIVersions", "versions": ["v1"]} {"kind": "APIGroupList", "groups": []})";
  runner.expect(argv_has({"api-resources", "--namespaced=true"}), {0, names, "", false});
  runner.expect(argv_has({"api-resources", "--namespaced=true"}), {0, "secrets\n", "", false});
  runner.expect(argv_has({"api-resources"}), {0, "secrets\n", "", false});
  runner.expect(argv_has({"--raw", "/apis"}), {0, R"({"groups": []})", "", false});
  runner.expect(argv_has({"get", "secrets"}), {0, "v1\tSecret\ttheirs\t\t\t\n", "", false});
  CHECK(namespace_contents(kubectl, "", runner.now() + std::chrono::seconds(10)) == Names{"secret/theirs"});
}
