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
