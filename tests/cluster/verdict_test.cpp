#include <doctest/doctest.h>

#include "base/strings.hpp"
#include "cluster/support.hpp"

namespace raibid::cluster_verdict_test {

using namespace raibid::test;

/// What setup knows of a Redis that is on its way, and what must not decide about it, on a real cluster.

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string pod_uid(const std::string& name_space) {
  return std::string(
      trim(kubectl({"get", "-n", name_space, "pod/raibid-redis-master-0", "-o", "jsonpath={.metadata.uid}"})));
}

/// The addresses of the Service by which applications reach Redis that clients are sent to.
std::string addresses(const std::string& name_space) {
  return std::string(
      trim(kubectl({"get", "-n", name_space, "endpointslices", "-l", "kubernetes.io/service-name=raibid-redis-master",
                    "-o", "jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}"})));
}

constexpr const char* monitors = R"({
  "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
  "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
  "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
           "names": {"kind": "ServiceMonitor", "plural": "servicemonitors", "singular": "servicemonitor"},
           "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
             "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})";

struct MonitorDefinition {
  MonitorDefinition() {
    kubectl({"apply", "-f", "-"}, monitors);
    kubectl({"wait", "--for=condition=Established", "crd/servicemonitors.monitoring.coreos.com", "--timeout=30s"});
  }
  ~MonitorDefinition() {
    attempt({"kubectl", "--kubeconfig", ::getenv("RAIBID_TEST_KUBECONFIG"), "delete",
             "crd/servicemonitors.monitoring.coreos.com"});
  }
  MonitorDefinition(const MonitorDefinition&) = delete;
  MonitorDefinition& operator=(const MonitorDefinition&) = delete;
};

}  // namespace

TEST_CASE("an exporter that fails takes Redis neither from its clients nor from setup, and status names it") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-exporter");
  // it starts, and ends at once: redis-server does not know the exporter's options
  const Output done = cli.setup({"--exporter-image", "redis:7-alpine"});
  INFO(said(done));
  REQUIRE(done.status == 0);
  kubectl(
      {"wait", "-n", cli.name_space(), "pod/raibid-redis-master-0", "--for=condition=Ready=false", "--timeout=30s"});
  CHECK_FALSE(addresses(cli.name_space()).empty());
  CHECK(has(cli({"connect", "redis", "-n", cli.name_space(), "--", "redis-cli", "PING"}).out, "PONG"));
  const Output again = cli.setup({"--exporter-image", "redis:7-alpine"});
  INFO(said(again));
  CHECK(again.status == 0);
  CHECK(has(again.err, "Redis is ready and its exporter is not: container metrics of pod raibid-redis-master-0"));
  const Output red = cli.status();
  INFO(said(red));
  CHECK(red.status == 1);
  CHECK(has(red.out, "Redis works, and its exporter does not"));

  const std::string running = pod_uid(cli.name_space());
  const Output refused =
      cli.setup({"--exporter-image", "redis:7-alpine", "--set", "master.priorityClassName=absent", "--restart"});
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "the cluster would refuse the new pod: no PriorityClass with name absent was found"));
  CHECK(pod_uid(cli.name_space()) == running);

  kubectl({"scale", "-n", cli.name_space(), "statefulset/raibid-redis-master", "--replicas=0"});
  kubectl({"wait", "-n", cli.name_space(), "pod/raibid-redis-master-0", "--for=delete", "--timeout=60s"});
  const Output started = cli.setup({"--exporter-image", "redis:7-alpine", "--restart"});
  INFO(said(started));
  CHECK(started.status == 0);
}

TEST_CASE("a kind that has vanished from the cluster stops neither a change nor a teardown") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-vanished");
  const auto before = cluster_state(cli.name_space());
  const std::vector<std::string> monitored = {"--set", "metrics.serviceMonitor.enabled=true"};
  {
    const MonitorDefinition definition;
    REQUIRE(cli.setup(monitored).status == 0);
    REQUIRE(has(kubectl({"get", "-n", cli.name_space(), "servicemonitors", "-o", "name"}), "raibid-redis"));
  }
  const Output changed =
      cli.setup({"--set", "metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.interval=10s"});
  INFO(said(changed));
  CHECK(changed.status == 0);
  CHECK(has(changed.err, "the kind of ServiceMonitor raibid-redis no longer exists in the cluster"));
  {
    const MonitorDefinition definition;
    REQUIRE(cli.setup(monitored).status == 0);
  }
  const Output removed = cli.teardown({"--yes", "--delete-data"});
  INFO(said(removed));
  CHECK(removed.status == 0);
  CHECK(cluster_state(cli.name_space()) == before);
}

}  // namespace raibid::cluster_verdict_test
