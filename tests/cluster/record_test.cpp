#include <doctest/doctest.h>

#include <cstdlib>

#include "base/strings.hpp"
#include "cluster/support.hpp"

/// What was installed decides, on a real cluster.

namespace raibid::record_test {

using namespace raibid::test;
using Words = std::vector<std::string>;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string pod_uid(const ClusterCli& cli) {
  return kubectl({"get", "pod", "raibid-redis-master-0", "-n", cli.name_space(), "-o", "jsonpath={.metadata.uid}"});
}

Output run(ClusterCli& cli, Words words) {
  words.insert(words.end(), {"-n", cli.name_space()});
  return cli(words);
}

}  // namespace

TEST_CASE("record: what was installed decides what the next commands do, and nothing restarts unasked") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-record");
  const Output first = cli.setup({"--memory-limit", "640Mi", "--stream", "other:jobs", "--group", "g2"});
  INFO(said(first));
  REQUIRE(first.status == 0);
  const std::string uid = pod_uid(cli);

  const Output again = cli.setup();
  INFO(said(again));
  REQUIRE(again.status == 0);
  CHECK(has(again.out, "Nothing changed"));
  CHECK(has(again.err, "kept from an earlier setup: "));
  CHECK(pod_uid(cli) == uid);

  const Output env = run(cli, {"export", "env"});
  INFO(said(env));
  CHECK(has(env.out, "REDIS_STREAM=other:jobs"));
  const Output keda = run(cli, {"export", "keda"});
  CHECK(has(keda.out, "stream: \"other:jobs\""));
  CHECK(has(keda.out, "consumerGroup: \"g2\""));
  const Output stats = run(cli, {"queue", "stats", "-o", "json"});
  INFO(said(stats));
  REQUIRE(stats.status == 0);
  CHECK(has(stats.out, "other:jobs"));
  CHECK_FALSE(has(stats.out, "raibid:jobs"));
  const Output smoke = run(cli, {"smoke", "redis"});
  INFO(said(smoke));
  CHECK(smoke.status == 0);
  const Output other = run(cli, {"export", "env", "--preset", "mirai", "--release", "raibid-redis"});
  INFO(said(other));
  CHECK(other.status == 2);
  CHECK(has(other.err, "\"mirai\""));
  CHECK(has(other.err, "\"raibid\""));

  const Output refused = cli.setup({"--memory-limit", "768Mi"});
  INFO(said(refused));
  CHECK(refused.status == 2);
  CHECK(has(refused.err, "memory limit 640Mi → 768Mi"));
  CHECK(pod_uid(cli) == uid);
  const std::size_t at = refused.err.find("raibid-cli setup");
  REQUIRE(at != std::string::npos);
  const std::string hint = refused.err.substr(at + std::string("raibid-cli").size());
  const Output done = cli.shell("\"$RAIBID_CLI\"" + hint.substr(0, hint.find('\n')));
  INFO(said(done));
  REQUIRE(done.status == 0);
  CHECK(pod_uid(cli) != uid);
  CHECK(has(run(cli, {"export", "env"}).out, "other:jobs"));
  CHECK(cli.status().status == 0);
}

TEST_CASE("record: the NetworkPolicy and the exports follow -n") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-follows");
  const Words names = {"--preset", "mxclone", "--release", "raibid-redis"};
  const Output made = cli.setup(names);
  INFO(said(made));
  REQUIRE(made.status == 0);
  CHECK(has(made.err, "warning: other-namespace: "));
  CHECK(has(made.err, "mxclone/app=mxclone → raibid-test-follows/app=mxclone"));
  const std::string policy = kubectl({"get", "networkpolicies", "-n", cli.name_space(), "-o", "json"});
  CHECK(has(policy, "\"kubernetes.io/metadata.name\": \"raibid-test-follows\""));
  CHECK_FALSE(has(policy, "\"kubernetes.io/metadata.name\": \"mxclone\""));
  const Output map = run(cli, {"export", "configmap"});
  INFO(said(map));
  CHECK(map.status == 0);
  CHECK(has(map.out, "namespace: raibid-test-follows"));
  CHECK(has(map.out, "redis-service:6379"));
}

TEST_CASE("record: a teardown that keeps the data keeps what was chosen, for another home as well") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-record-kept");
  ClusterCli other("raibid-test-record-elsewhere");  // a home without credentials
  REQUIRE(cli.setup({"--memory-limit", "640Mi", "--stream", "other:jobs", "--group", "g2"}).status == 0);
  const std::string claim = "pvc/redis-data-raibid-redis-master-0";
  const auto kept = [&] {
    return has(kubectl({"get", claim, "-n", cli.name_space(), "-o", "yaml"}), "raibid-cli/spec");
  };
  CHECK_FALSE(kept());
  REQUIRE(cli.teardown({"--yes"}).status == 0);
  CHECK(kept());
  const Output again = other({"setup", "redis", "-n", cli.name_space()});
  INFO(said(again));
  REQUIRE(again.status == 0);
  CHECK(has(again.err, "--stream other:jobs, --group g2"));
  CHECK_FALSE(kept());
  const Output shown = other({"config", "show", "--installed", "-n", cli.name_space()});
  INFO(said(shown));
  CHECK(has(shown.out, "640Mi"));
}

TEST_CASE("record: less memory than Redis holds is refused before anything restarts") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-less");
  REQUIRE(cli.setup().status == 0);
  const std::string uid = pod_uid(cli);
  const std::string fill = "for i = 1, 60 do redis.call('SET', 'key:' .. i, string.rep('x', 1000000)) end";
  REQUIRE(cli({"connect", "redis", "-n", cli.name_space(), "--", "redis-cli", "EVAL", fill, "0"}).status == 0);
  const Output refused = cli.setup({"--memory-limit", "64Mi", "--memory-request", "32Mi", "--restart"});
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "it would refuse every write"));
  CHECK(pod_uid(cli) == uid);
}

TEST_CASE("two PINGs of 490 MB from a client without a password do not end the pod") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-flood");
  REQUIRE(cli.setup().status == 0);
  const std::string flood =
      "for i in 1 2; do (exec 3<>/dev/tcp/127.0.0.1/6379; "
      "printf 'AUTH health -\\r\\n*2\\r\\n$4\\r\\nPING\\r\\n$490000000\\r\\n' >&3; "
      "head -c 490000000 /dev/zero >&3) & done; wait";
  const Output sent = attempt({"kubectl", "--kubeconfig", ::getenv("RAIBID_TEST_KUBECONFIG"), "exec", "-n",
                               cli.name_space(), "raibid-redis-master-0", "-c", "redis", "--", "bash", "-c", flood});
  INFO(said(sent));
  const Output stats = cli({"connect", "redis", "-n", cli.name_space(), "--", "redis-cli", "INFO", "stats"});
  INFO(said(stats));
  CHECK(has(stats.out, "evicted_clients:2"));
  CHECK(kubectl({"get", "pod", "raibid-redis-master-0", "-n", cli.name_space(), "-o",
                 "jsonpath={.status.containerStatuses[*].restartCount}"}) == "0 0");
}

}  // namespace raibid::record_test
