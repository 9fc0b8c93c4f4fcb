#include <doctest/doctest.h>

#include "base/strings.hpp"
#include "cluster/support.hpp"

namespace raibid::cluster_objects_test {

using namespace raibid::test;

/// Objects that are being deleted, that stay though helm removed the release, and that are someone else's.

namespace {

constexpr const char* claim = "redis-data-raibid-redis-master-0";
constexpr const char* workload = "raibid-redis-master";
constexpr const char* pod = "raibid-redis-master-0";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string uid(const std::string& name_space, const std::string& object) {
  return std::string(trim(kubectl({"get", "-n", name_space, object, "-o", "jsonpath={.metadata.uid}"})));
}

bool is_there(const std::string& name_space, const std::string& object) {
  return !trim(kubectl({"get", "-n", name_space, object, "--ignore-not-found", "-o", "name"})).empty();
}

Output redis_cli(ClusterCli& cli, std::vector<std::string> words) {
  words.insert(words.begin(), {"connect", "redis", "-n", cli.name_space(), "--", "redis-cli"});
  return cli(words);
}

/// The part of `text` from `begin` to the end of its line.
std::string line_with(const std::string& text, const std::string& begin) {
  const std::size_t at = text.find(begin);
  REQUIRE(at != std::string::npos);
  return text.substr(at, text.find('\n', at) - at);
}

/// Runs a printed command as someone would who copies it into a shell.
Output typed(ClusterCli& cli, std::string command) {
  const std::string program = "raibid-cli ";
  if (command.starts_with(program)) command = "\"$RAIBID_CLI\" " + command.substr(program.size());
  return cli.shell(command);
}

/// Deletes it when the test ends.
struct ClusterObject {
  explicit ClusterObject(std::string object, const std::string& manifest) : name(std::move(object)) {
    kubectl({"apply", "-f", "-"}, manifest);
  }
  ~ClusterObject() { attempt({"kubectl", "--kubeconfig", ::getenv("RAIBID_TEST_KUBECONFIG"), "delete", name}); }
  std::string name;
};

/// An API that the server knows and that nobody answers for.
ClusterObject dead_api(const std::string& version, const std::string& group) {
  const std::string name = version + "." + group;
  return ClusterObject("apiservice/" + name,
                       R"({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": ")" +
                           name + R"("}, "spec": {"group": ")" + group + R"(", "version": ")" + version +
                           R"(", "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true,
        "service": {"namespace": "default", "name": "nobody"}}})");
}

}  // namespace

TEST_CASE("a claim that is deleted under a running Redis is red, stops every restart, and its data can be copied out") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-leaving");
  REQUIRE(cli.setup().status == 0);
  REQUIRE(redis_cli(cli, {"SET", "copied-job", "42"}).status == 0);
  const std::string running = uid(cli.name_space(), std::string("pod/") + pod);
  kubectl({"delete", "-n", cli.name_space(), std::string("pvc/") + claim, "--wait=false"});

  const Output status = cli.status();
  INFO(said(status));
  CHECK(status.status == 1);
  CHECK(has(status.out, "✗ claim"));
  CHECK(has(status.out, "held by kubernetes.io/pvc-protection"));
  CHECK(cli({"status", "--all"}).status == 1);

  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{}, {"--memory-limit", "640Mi"}}) {
    const Output refused = cli.setup(more);
    INFO(said(refused));
    CHECK(refused.status == 3);
    CHECK(has(refused.err, "has been terminating since"));
  }
  const Output smoke = cli({"smoke", "redis", "-n", cli.name_space(), "--durability", "--yes"});
  INFO(said(smoke));
  CHECK(smoke.status == 3);
  const Output kept = cli.teardown({"--yes"});
  INFO(said(kept));
  CHECK(kept.status == 3);
  CHECK(uid(cli.name_space(), std::string("pod/") + pod) == running);

  const std::string hints = cli.setup().err;
  const Output patched = typed(cli, line_with(hints, "kubectl"));  // the first is for the volume
  INFO(said(patched));
  CHECK(patched.status == 0);
  const std::string volume(
      trim(kubectl({"get", "-n", cli.name_space(), std::string("pvc/") + claim, "-o", "jsonpath={.spec.volumeName}"})));
  const std::string policy = "jsonpath={.spec.persistentVolumeReclaimPolicy}";
  CHECK(trim(kubectl({"get", "pv", volume, "-o", policy})) == "Retain");
  kubectl({"patch", "pv", volume, "-p", R"({"spec":{"persistentVolumeReclaimPolicy":"Delete"}})"});  // nothing is left
  const Output copied = typed(cli, line_with(hints, "raibid-cli connect redis"));
  INFO(said(copied));
  CHECK(copied.status == 0);
  CHECK(has(cli.shell("head -c 5 redis-data.rdb").out, "REDIS"));
  CHECK(cli.shell("grep -q copied-job redis-data.rdb").status == 0);
  const std::size_t tar = hints.find("without redis-cli");
  REQUIRE(tar != std::string::npos);
  const Output packed = typed(cli, line_with(hints.substr(tar), "kubectl"));
  INFO(said(packed));
  CHECK(packed.status == 0);
  CHECK(has(cli.shell("tar tf redis-data.tar").out, "appendonlydir/"));

  std::string removal = line_with(hints, "raibid-cli teardown redis");
  removal = removal.substr(0, removal.find(';')) + " --yes";
  const Output removed = typed(cli, removal);
  INFO(said(removed));
  CHECK(removed.status == 0);
}

TEST_CASE("a StatefulSet that helm keeps costs nobody the Secret") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-helm-keeps");
  REQUIRE(cli.setup({"--set", R"(commonAnnotations.helm\.sh/resource-policy=keep)"}).status == 0);
  REQUIRE(redis_cli(cli, {"SET", "job", "42"}).status == 0);
  const std::string running = uid(cli.name_space(), std::string("pod/") + pod);

  const Output stopped = cli.teardown({"--yes", "--delete-data"});
  INFO(said(stopped));
  CHECK(stopped.status == 5);
  CHECK(has(stopped.err, "StatefulSet raibid-redis-master stays: its annotation helm.sh/resource-policy"));
  CHECK(uid(cli.name_space(), std::string("pod/") + pod) == running);
  CHECK(is_there(cli.name_space(), "secret/raibid-redis"));
  CHECK(is_there(cli.name_space(), std::string("pvc/") + claim));
  CHECK(has(redis_cli(cli, {"GET", "job"}).out, "42"));

  const Output again = cli.setup();
  INFO(said(again));
  CHECK(again.status == 3);
  std::string command = line_with(again.err, "kubectl");
  REQUIRE(typed(cli, command.substr(0, command.find(';'))).status == 0);
  const Output back = cli.setup();
  INFO(said(back));
  CHECK(back.status == 0);
  CHECK(has(redis_cli(cli, {"GET", "job"}).out, "42"));
  CHECK(uid(cli.name_space(), std::string("statefulset/") + workload) != running);
}

TEST_CASE("a Secret that is gone while Redis runs has a way out") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-nosecret");
  ClusterCli other("raibid-test-elsewhere-left");  // a home without credentials
  REQUIRE(cli.setup().status == 0);
  REQUIRE(redis_cli(cli, {"SET", "job", "42"}).status == 0);
  kubectl({"delete", "-n", cli.name_space(), "secret/raibid-redis"});
  const Output red = cli.status();
  INFO(said(red));
  CHECK(red.status == 1);
  CHECK(has(red.out, "Secret raibid-redis is gone"));
  const auto elsewhere = [&](const std::string& verb, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {verb, "redis", "-n", cli.name_space()});
    return other(more);
  };
  const Output refused = elsewhere("setup");
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "--password-file FILE"));
  const Output down = elsewhere("teardown", {"--yes"});
  INFO(said(down));
  CHECK(down.status == 0);
  const Output up = elsewhere("setup");
  INFO(said(up));
  CHECK(up.status == 0);
  CHECK(has(elsewhere("connect", {"--", "redis-cli", "GET", "job"}).out, "42"));
}

TEST_CASE("a namespace that setup made stays when someone's EventSource is in it") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-events");
  const ClusterObject definition("crd/eventsources.raibid.test", R"({
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "eventsources.raibid.test"},
    "spec": {"group": "raibid.test", "scope": "Namespaced",
             "names": {"kind": "EventSource", "plural": "eventsources", "singular": "eventsource"},
             "versions": [{"name": "v1", "served": true, "storage": true,
                           "schema": {"openAPIV3Schema": {"type": "object"}}}]}})");
  kubectl({"wait", "--for=condition=Established", "crd/eventsources.raibid.test", "--timeout=30s"});
  REQUIRE(cli.setup().status == 0);
  kubectl({"apply", "-n", cli.name_space(), "-f", "-"},
          R"({"apiVersion": "raibid.test/v1", "kind": "EventSource", "metadata": {"name": "webhook"}})");
  const Output removed = cli.teardown({"--yes", "--delete-data"});
  INFO(said(removed));
  CHECK(removed.status == 0);
  CHECK(has(removed.err, "stays: it holds eventsource.raibid.test/webhook"));
  CHECK(is_there(cli.name_space(), "eventsources.raibid.test/webhook"));
}

TEST_CASE("a metrics API that does not answer blocks neither rollback nor teardown, another is named") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-silent");
  {
    const ClusterObject metrics = dead_api("v1beta1", "external.metrics.k8s.io");
    const Output failed = cli.setup({"--image", "localhost/no/such:image", "--timeout", "60s"});
    INFO(said(failed));
    CHECK(failed.status == 4);
    CHECK(has(failed.err, "answers again"));
    const Output waits = cli.setup();
    INFO(said(waits));
    CHECK(waits.status == 3);
    CHECK(has(waits.err, "external.metrics.k8s.io/v1beta1"));
  }
  kubectl({"wait", "--for=delete", "namespace/" + cli.name_space(), "--timeout=90s"});
  REQUIRE(cli.setup().status == 0);
  {
    const ClusterObject orders = dead_api("v1", "orders.raibid.test");
    const Output stopped = cli.teardown({"--yes", "--delete-data"});
    INFO(said(stopped));
    CHECK(stopped.status == 5);
    CHECK(has(stopped.err, "APIService v1.orders.raibid.test does not answer"));
    CHECK(is_there(cli.name_space(), "namespace/" + cli.name_space()));
  }
  const Output removed = cli.teardown({"--yes", "--delete-data"});
  INFO(said(removed));
  CHECK(removed.status == 0);
}

}  // namespace raibid::cluster_objects_test
