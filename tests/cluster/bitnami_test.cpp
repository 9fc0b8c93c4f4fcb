#include <doctest/doctest.h>

#include <stdlib.h>

#include "cluster/support.hpp"

using namespace raibid;
using namespace raibid::test;

TEST_CASE("Bitnami's chart from a folder: setup, status, setup again, changed limits, teardown") {
  if (!have_cluster()) return;
  const char* const chart = ::getenv("RAIBID_TEST_BITNAMI_CHART");
  if (!chart) {
    MESSAGE("skipped: RAIBID_TEST_BITNAMI_CHART names no folder with the chart");
    return;
  }
  ClusterCli cli("raibid-test-bitnami");
  const auto before = cluster_state(cli.name_space());
  const Output first = cli.setup({"--chart", chart});
  INFO(said(first));
  REQUIRE(first.status == 0);

  // the seed's names, and the exporter beside Redis
  const nlohmann::json pod = kubectl_json({"get", "pod", "raibid-redis-master-0", "-n", cli.name_space()});
  CHECK(pod.at("spec").at("containers").size() == 2);
  CHECK(pod.at("metadata").at("labels").value("helm.sh/chart", "") == "redis-23.1.1");
  for (const nlohmann::json& container : pod.at("status").at("containerStatuses"))
    CHECK(container.at("restartCount") == 0);
  kubectl({"get", "service/raibid-redis-master", "service/raibid-redis-metrics", "pvc/redis-data-raibid-redis-master-0",
           "-n", cli.name_space()});

  const Output healthy = cli.status({"-o", "json"});
  INFO(said(healthy));
  REQUIRE(healthy.status == 0);
  const nlohmann::json status = nlohmann::json::parse(healthy.out);
  CHECK(status.at("redis").at("appendfsync") == "everysec");
  CHECK(status.at("redis").at("maxmemory_policy") == "noeviction");

  const Output second = cli.setup({"--chart", chart});
  INFO(said(second));
  REQUIRE(second.status == 0);
  CHECK(second.out.find("Nothing changed") != std::string::npos);

  const Output changed = cli.setup({"--chart", chart, "--memory-limit", "600Mi", "--restart"});
  INFO(said(changed));
  REQUIRE(changed.status == 0);
  CHECK(changed.err.find("revision 2") != std::string::npos);

  const Output gone = cli.teardown({"--yes", "--delete-data"});
  INFO(said(gone));
  REQUIRE(gone.status == 0);
  CHECK(cli.status().status == 6);
  CHECK(cluster_state(cli.name_space()) == before);
}

TEST_CASE("Bitnami's chart: a first install that cannot succeed leaves nothing") {
  if (!have_cluster()) return;
  const char* const chart = ::getenv("RAIBID_TEST_BITNAMI_CHART");
  if (!chart) {
    MESSAGE("skipped: RAIBID_TEST_BITNAMI_CHART names no folder with the chart");
    return;
  }
  ClusterCli cli("raibid-test-bitnamibad");
  const auto before = cluster_state(cli.name_space());
  const Output failed = cli.setup({"--chart", chart, "--image", "redis:no-such-tag-anywhere", "--timeout", "60s"});
  INFO(said(failed));
  CHECK(failed.status == 4);
  CHECK(failed.err.find("no-such-tag-anywhere") != std::string::npos);
  CHECK(cluster_state(cli.name_space()) == before);
}

TEST_CASE("Bitnami's chart with replicas by the user's values: each node in status, each claim in teardown") {
  if (!have_cluster()) return;
  const char* const chart = ::getenv("RAIBID_TEST_BITNAMI_CHART");
  if (!chart) {
    MESSAGE("skipped: RAIBID_TEST_BITNAMI_CHART names no folder with the chart");
    return;
  }
  ClusterCli cli("raibid-test-bitnamiha");
  const auto before = cluster_state(cli.name_space());
  const auto setup = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {
        "--chart", chart, "--set", "architecture=replication", "--set", "replica.replicaCount=2"};
    words.insert(words.end(), more.begin(), more.end());
    return cli.setup(words);
  };
  const Output first = setup({});
  INFO(said(first));
  REQUIRE(first.status == 0);

  // setup waits for the master alone
  kubectl({"rollout", "status", "statefulset/raibid-redis-replicas", "-n", cli.name_space(), "--timeout=90s"});
  const nlohmann::json status = nlohmann::json::parse(cli.status({"-o", "json"}).out);
  CHECK(status.at("master") == "raibid-redis-master-0");
  REQUIRE(status.at("nodes").size() == 3);
  for (const int replica : {1, 2}) {
    CHECK(status.at("nodes").at(replica).at("role") == "replica");
    CHECK(status.at("nodes").at(replica).at("link") == "up");
  }
  const Output healthy = cli.status();
  INFO(said(healthy));
  CHECK(healthy.status == 0);
  for (const char* const name :
       {"raibid-redis-master-0", "raibid-redis-replicas-0", "raibid-redis-replicas-1",
        "redis-data-raibid-redis-replicas-1", "2 replicas online", "raibid-redis-replicas: 2 of 2 ready"})
    CHECK_MESSAGE(healthy.out.find(name) != std::string::npos, name);

  // another configuration starts the pods of both StatefulSets again
  const Output dry = setup({"--max-length", "500", "--dry-run"});
  const Output asked = setup({"--memory-limit", "600Mi"});
  INFO(said(dry) << said(asked));
  CHECK(asked.status == 2);  // nobody to ask
  CHECK(asked.err.find("pods raibid-redis-replicas-0 to 1") != std::string::npos);
  CHECK(asked.err.find("pod raibid-redis-master-0") != std::string::npos);

  const Output gone = cli.teardown({"--dry-run"});
  INFO(said(gone));
  CHECK(gone.out.find("claim redis-data-raibid-redis-replicas-1 (of a replica)") != std::string::npos);
  REQUIRE(cli.teardown({"--yes", "--delete-data"}).status == 0);
  CHECK(cluster_state(cli.name_space()) == before);
}
