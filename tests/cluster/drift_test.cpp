#include <doctest/doctest.h>

#include <array>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "sys/files.hpp"

/// What someone changes in the cluster or in the running server after setup: status names it, setup puts it back.

namespace raibid::cluster_drift_test {

using namespace raibid::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Installed {
  explicit Installed(const std::string& name_space, std::vector<std::string> options = {}) : cli(name_space) {
    const Output output = cli.setup(std::move(options));
    INFO(said(output));
    REQUIRE(output.status == 0);
  }

  std::string run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-n", cli.name_space()});
    return kubectl(std::move(arguments));
  }
  std::string pod() { return run({"get", "pod", "raibid-redis-master-0", "-o", "jsonpath={.metadata.uid}"}); }
  /// "1 " after a first install: the revisions that Helm has.
  std::string revisions() {
    return run(
        {"get", "secrets", "-l", "owner=helm", "-o", "jsonpath={range .items[*]}{.metadata.labels.version} {end}"});
  }
  void redis(const std::string& command) {
    const Output output = cli({"connect", "redis", "-n", cli.name_space(), "--", "sh", "-c",
                               "redis-cli -h \"$REDIS_HOST\" -p \"$REDIS_PORT\" " + command});
    INFO(said(output));
    REQUIRE(output.status == 0);
    REQUIRE(has(output.out, "OK"));
  }
  void patch(const std::string& object, const std::string& type, const std::string& patch) {
    run({"patch", object, "--type", type, "-p", patch});
  }

  /// status names each of `lines` and is not healthy.
  void is_named(const std::vector<std::string>& lines) {
    const Output seen = cli.status();
    INFO(said(seen));
    CHECK(seen.status == 1);
    for (const std::string& line : lines) CHECK_MESSAGE(has(seen.out, "✗ " + line), line);
    CHECK(has(seen.out, "raibid-cli setup redis -n " + cli.name_space()));
  }
  Output put_back(std::vector<std::string> options = {}) {
    const Output again = cli.setup(std::move(options));
    INFO(said(again));
    CHECK(again.status == 0);
    CHECK(has(again.out, "Ready in"));
    CHECK(revisions() == "1 ");
    const Output healthy = cli.status();
    INFO(said(healthy));
    CHECK(healthy.status == 0);
    return again;
  }

  ClusterCli cli;
};

}  // namespace

TEST_CASE("what was deleted or changed in the cluster is named by status and put back by setup, without a revision") {
  if (!have_cluster()) return;
  Installed one("raibid-test-drift");
  const std::string pod = one.pod();
  REQUIRE(one.cli.status().status == 0);

  one.run({"delete", "configmaps", "raibid-redis-configuration", "raibid-redis-scripts"});
  one.run({"delete", "service", "raibid-redis-master"});
  one.run({"delete", "networkpolicy", "raibid-redis"});
  one.is_named({"objects      ConfigMap raibid-redis-configuration is missing",
                "objects      ConfigMap raibid-redis-scripts is missing",
                "objects      Service raibid-redis-master is missing",
                "objects      NetworkPolicy raibid-redis is missing"});
  one.put_back();

  one.patch("service/raibid-redis-master", "merge", R"({"spec": {"selector": {"no": "pod"}}})");
  one.patch("service/raibid-redis-headless", "json",
            R"([{"op": "replace", "path": "/spec/ports/0/port", "value": 6380}])");
  one.patch("networkpolicy/raibid-redis", "json", R"([{"op": "add", "path": "/spec/ingress/-", "value": {}}])");
  one.patch("configmap/raibid-redis-configuration", "merge", R"({"data": {"redis.conf": "port 1\n"}})");
  one.redis("ACL SETUSER health +@all '~*'");
  one.redis("CONFIG SET maxmemory-clients 0");
  one.is_named({"objects      Service raibid-redis-master: selector.no is pod, the release has none",
                "objects      Service raibid-redis-master leads to no ready pod: its selector matches no pod",
                "objects      Service raibid-redis-headless: ports[tcp-redis].port is 6380, the release has 6379",
                "objects      NetworkPolicy raibid-redis: ingress is",
                "objects      ConfigMap raibid-redis-configuration: data[redis.conf] differs from the release",
                "acl          user health may run +@all instead of -@all +ping, has the keys ~* instead of none",
                "settings     maxmemory-clients is 0 instead of 10%"});
  one.put_back();
  CHECK(one.pod() == pod);  // nothing of that restarts Redis

  // what another tool has now is not overwritten
  one.run({"annotate", "configmap", "raibid-redis-scripts", "argocd.argoproj.io/tracking-id=shop:/ConfigMap:a/b"});
  one.run({"delete", "networkpolicy", "raibid-redis"});
  const Output refused = one.cli.setup();
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "ConfigMap raibid-redis-scripts belongs to Argo CD (shop:/ConfigMap:a/b) now"));
  CHECK(has(one.cli.status().out, "NetworkPolicy raibid-redis is missing"));
}

TEST_CASE("a pod template that was changed is put back once someone agrees to the restart") {
  if (!have_cluster()) return;
  Installed one("raibid-test-image");
  std::string pod = one.pod();
  one.patch("statefulset/raibid-redis-master", "strategic",
            R"({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 31}}}})");
  one.run({"rollout", "status", "statefulset/raibid-redis-master", "--timeout=60s"});
  CHECK(one.pod() != pod);
  pod = one.pod();
  one.is_named(
      {"objects      StatefulSet raibid-redis-master: terminationGracePeriodSeconds is 31, the release has 60"});
  const Output asked = one.cli.setup();
  INFO(said(asked));
  CHECK(asked.status == 2);
  CHECK(has(asked.err, "restarts Redis"));
  CHECK(one.pod() == pod);
  one.put_back({"--yes"});
  CHECK(one.pod() != pod);

  one.run({"set", "image", "statefulset/raibid-redis-master", "redis=redis:6-not-there"});
  one.is_named(
      {"objects      StatefulSet raibid-redis-master: containers[redis].image is redis:6-not-there, the release has "
       "docker.io/library/redis:7-alpine"});
  const Output back = one.put_back({"--yes"});
  CHECK(has(back.err, "containers[redis].image is redis:6-not-there"));
}

TEST_CASE("directives by -f count: for the running server, for status and for the restart") {
  if (!have_cluster()) return;
  const TemporaryDirectory folder(fs::temp_directory_path());
  const std::string file = (folder.path() / "values.yaml").string();
  const std::vector<std::string> options = {"-f", file};
  write_atomic(file,
               "master:\n  configuration: |\n    maxmemory 200mb\n    maxmemory-policy volatile-lru\n    save 900 1\n");
  Installed one("raibid-test-values", options);
  const auto healthy = [&] {
    const Output seen = one.cli.status();
    INFO(said(seen));
    CHECK(seen.status == 0);
    CHECK(has(seen.out, "of 200 MiB, volatile-lru"));
  };
  healthy();
  CHECK(has(one.cli.setup(options).out, "Nothing changed"));
  const std::string pod = one.pod();
  write_atomic(
      file, "master:\n  configuration: |\n    maxmemory 200mb\n    maxmemory-policy volatile-lru\n    io-threads 2\n");
  std::vector<std::string> agreed = options;
  agreed.push_back("--yes");
  const Output changed = one.cli.setup(agreed);
  INFO(said(changed));
  CHECK(changed.status == 0);
  CHECK(has(changed.err, "this change restarts Redis: io-threads none → 2"));
  CHECK(one.pod() != pod);
  healthy();
}

}  // namespace raibid::cluster_drift_test
