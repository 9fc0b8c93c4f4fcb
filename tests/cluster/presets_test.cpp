// A preset's short name, and what of it changes in place. (The presets themselves: handover_test.cpp.)
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "sys/files.hpp"

using namespace raibid;
using namespace raibid::test;
using nlohmann::json;

namespace {

std::string pod_uid(const ClusterCli& cli, const std::string& release) {
  return kubectl({"get", "pod", release + "-master-0", "-n", cli.name_space(), "-o", "jsonpath={.metadata.uid}"});
}

std::string write_preset(ClusterCli& cli, const std::string& text) {
  const std::string path = (cli.folder() / "mine.yaml").string();
  write_atomic(path, "name: mine\nsettings: {namespace: mine, release: mine-redis, no-metrics: true}\n" + text);
  return path;
}

/// As long as it lives the test cluster's class lets claims grow. (Nothing makes the volume larger there: the claim
/// alone is asked.)
class AllowedExpansion {
 public:
  AllowedExpansion() { allow(true); }
  ~AllowedExpansion() { allow(false); }
  AllowedExpansion(const AllowedExpansion&) = delete;
  AllowedExpansion& operator=(const AllowedExpansion&) = delete;

 private:
  static void allow(bool yes) {
    kubectl({"patch", "storageclass", "local-path", "-p", json{{"allowVolumeExpansion", yes}}.dump()});
  }
};

}  // namespace

TEST_CASE(
    "presets: a short name that is taken is refused, one that is lost is missed and put back, and all go with a "
    "rollback") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-preset-name");
  kubectl({"create", "namespace", cli.name_space()});
  kubectl({"create", "service", "externalname", "redis-service", "--external-name=elsewhere.example", "-n",
           cli.name_space()});
  const std::vector<std::string> mxclone = {"--preset", "mxclone", "--adopt"};
  const Output taken = cli.setup(mxclone);
  INFO(said(taken));
  CHECK(taken.status == 3);
  CHECK(taken.err.find("Service redis-service") != std::string::npos);
  kubectl({"delete", "service", "redis-service", "-n", cli.name_space()});

  const Output failed =
      cli.setup({"--preset", "mxclone", "--adopt", "--image", "redis:no-such-tag-anywhere", "--timeout", "60s"});
  CHECK(failed.status == 4);
  CHECK(kubectl({"get", "services", "-n", cli.name_space(), "-o", "name"}).empty());

  REQUIRE(cli.setup(mxclone).status == 0);
  kubectl({"delete", "service", "redis-service", "-n", cli.name_space()});
  const Output missed = cli.status({"--preset", "mxclone"});
  INFO(said(missed));
  CHECK(missed.status == 1);
  CHECK(missed.out.find("redis-service does not exist") != std::string::npos);
  const Output again =
      cli.setup({"--preset", "mxclone"});  // what is ours in someone's namespace needs no second --adopt
  INFO(said(again));
  CHECK(again.status == 0);
  CHECK(cli.status({"--preset", "mxclone"}).status == 0);
  REQUIRE(cli.teardown({"--preset", "mxclone", "--yes", "--delete-data"}).status == 0);
  CHECK(kubectl({"get", "services", "-n", cli.name_space(), "-o", "name"}).empty());
}

TEST_CASE("presets: a login that may not look into all namespaces sees the releases of its credentials files") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-preset-limited");
  REQUIRE(cli.setup().status == 0);
  const std::string& space = cli.name_space();
  kubectl({"create", "serviceaccount", "limited", "-n", space});
  kubectl({"create", "rolebinding", "limited", "--clusterrole=admin", "--serviceaccount=" + space + ":limited", "-n",
           space});
  const std::string token(trim(kubectl({"create", "token", "limited", "-n", space})));
  json config = kubectl_json({"config", "view", "--raw", "--flatten"});
  for (json& user : config["users"]) user["user"] = {{"token", token}};
  const std::string file = (cli.folder() / "limited.kubeconfig").string();
  write_atomic(file, config.dump());
  cli.set("KUBECONFIG", file);
  const Output seen = cli({"status", "--all", "-o", "json"});
  INFO(said(seen));
  CHECK(seen.status == 0);
  const json all = json::parse(seen.out);
  REQUIRE(all.size() == 1);
  CHECK(all[0].at("namespace") == space);
  CHECK(all[0].at("healthy") == true);
}

TEST_CASE("presets: a changed one applies in place, and a restart is announced") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-preset-change");
  const std::string path = write_preset(cli, "redis: {appendonly: yes, maxmemory: 100mb}\n");
  REQUIRE(cli.setup({"--preset", path}).status == 0);
  const std::string uid = pod_uid(cli, "mine-redis");

  write_preset(cli, "redis: {appendonly: yes, maxmemory: 120mb, notify-keyspace-events: Ex}\n");
  const Output live = cli.setup({"--preset", path});
  INFO(said(live));
  REQUIRE(live.status == 0);
  CHECK(live.err.find("maxmemory 120 MiB") != std::string::npos);
  CHECK(live.err.find("restarts") == std::string::npos);
  CHECK(pod_uid(cli, "mine-redis") == uid);
  CHECK(cli.status({"--preset", path}).status == 0);

  write_preset(cli, "redis: {appendonly: yes, maxmemory: 120mb, notify-keyspace-events: Ex, databases: 32}\n");
  const Output asked = cli.setup({"--preset", path});
  CHECK(asked.status == 2);
  CHECK(pod_uid(cli, "mine-redis") == uid);
  const Output restarted = cli.setup({"--preset", path, "--restart"});
  INFO(said(restarted));
  REQUIRE(restarted.status == 0);
  CHECK(restarted.err.find("this change restarts Redis: databases none → 32") != std::string::npos);
  CHECK(pod_uid(cli, "mine-redis") != uid);
  CHECK(cli.setup({"--preset", path}).out.find("Nothing changed") != std::string::npos);
}

TEST_CASE("presets: a claim grows where its class allows it, and what is immutable is not tried") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-preset-grow");
  const std::vector<std::string> size = {"--size", "8192Mi"};  // which Kubernetes calls 8Gi
  const std::vector<std::string> release_state = {"get", "secrets",    "-n", cli.name_space(),
                                                  "-l",  "owner=helm", "-o", "name"};
  REQUIRE(cli.setup(size).status == 0);
  CHECK(cli.setup(size).out.find("Nothing changed") != std::string::npos);
  const std::string records = kubectl(release_state);
  const std::string uid = pod_uid(cli, "raibid-redis");
  const auto refused = [&](std::vector<std::string> flags, const std::string& why) {
    const Output output = cli.setup(std::move(flags));
    INFO(said(output));
    CHECK(output.status == 3);
    CHECK(output.err.find(why) != std::string::npos);
    CHECK(kubectl(release_state) == records);
    CHECK(pod_uid(cli, "raibid-redis") == uid);
  };
  refused({"--size", "9Gi"}, "allowVolumeExpansion");
  refused({"--no-persistence"}, "in a claim");
  const Output smaller = cli.setup({"--size", "1Gi"});
  INFO(said(smaller));
  CHECK(smaller.status == 0);
  CHECK(smaller.err.find("no claim can shrink") != std::string::npos);

  if (kubectl_json({"get", "storageclass", "local-path"}).at("provisioner") != "raibid.test/local-path")
    return;  // not ours to change
  const AllowedExpansion allowed;
  const Output grown = cli.setup({"--size", "9Gi"});
  INFO(said(grown));
  CHECK(grown.status == 0);
  CHECK(kubectl({"get", "pvc", "redis-data-raibid-redis-master-0", "-n", cli.name_space(), "-o",
                 "jsonpath={.spec.resources.requests.storage}"}) == "9Gi");
  CHECK(pod_uid(cli, "raibid-redis") == uid);
  const Output again = cli.setup({"--size", "9Gi"});
  INFO(said(again));
  CHECK(again.out.find("Nothing changed") != std::string::npos);
  CHECK(json::parse(cli.status({"-o", "json"}).out).at("claim").at("requested") == "9Gi");
}
