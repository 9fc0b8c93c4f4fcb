#include <doctest/doctest.h>

#include <sys/stat.h>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/json_schema.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

std::string pod_uid(const std::string& name_space) {
  return kubectl({"get", "pod", "raibid-redis-master-0", "-n", name_space, "-o", "jsonpath={.metadata.uid}"});
}

nlohmann::json credentials_of(const ClusterCli& cli) {
  const auto files = tree(cli.home());
  REQUIRE(files.count("redis-credentials.json") == 1);
  return nlohmann::json::parse(files.at("redis-credentials.json"));
}

std::string inside(const std::string& name_space, const std::string& password, std::vector<std::string> command) {
  command.insert(command.begin(), {"exec", "-i", "-n", name_space, "raibid-redis-master-0", "-c", "redis", "--",
                                   "redis-cli", "--no-auth-warning", "-a", password});
  return kubectl(command);
}

}  // namespace

TEST_CASE("setup, status, setup again and teardown leave a cluster as it was") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-main");
  const auto before = cluster_state(cli.name_space());

  const Output first = cli.setup();
  INFO(said(first));
  REQUIRE(first.status == 0);
  CHECK(first.err.find("raibid-test-main created") != std::string::npos);
  CHECK(first.err.find("PONG") != std::string::npos);
  CHECK(first.err.find("AOF everysec") != std::string::npos);

  const nlohmann::json credentials = credentials_of(cli);
  const std::string password = credentials.at("password");
  CHECK(password.size() == 32);
  CHECK(credentials.at("host") == "raibid-redis-master.raibid-test-main.svc.cluster.local");
  CHECK(credentials.at("port") == 6379);
  CHECK(credentials.at("namespace") == "raibid-test-main");
  CHECK(credentials.at("stream") == "raibid:jobs");
  CHECK(credentials.at("consumer_group") == "raibid-workers");
  struct stat info {};
  REQUIRE(::stat((cli.home() / "redis-credentials.json").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(first.out.find(password) == std::string::npos);
  CHECK(first.err.find(password) == std::string::npos);

  // what the seed's own troubleshooting section looks at
  CHECK(trim(inside(cli.name_space(), password, {"PING"})) == "PONG");
  CHECK(inside(cli.name_space(), password, {"XINFO", "GROUPS", "raibid:jobs"}).find("raibid-workers") !=
        std::string::npos);
  CHECK(inside(cli.name_space(), password, {"CONFIG", "GET", "appendonly"}).find("yes") != std::string::npos);

  const Output healthy = cli.status();
  INFO(said(healthy));
  CHECK(healthy.status == 0);
  const Output as_json = cli.status({"-o", "json"});
  REQUIRE(as_json.status == 0);
  const nlohmann::json status = nlohmann::json::parse(as_json.out);
  CHECK(status.at("healthy") == true);
  CHECK(status.at("redis").at("appendfsync") == "everysec");
  CHECK(status.at("redis").at("role") == "master");
  CHECK(status.at("streams").at(0).at("groups").at(0).at("name") == "raibid-workers");

  const std::string uid = pod_uid(cli.name_space());
  const Output second = cli.setup();
  INFO(said(second));
  REQUIRE(second.status == 0);
  CHECK(second.out.find("Nothing changed") != std::string::npos);
  CHECK(second.err.find("revision 1") != std::string::npos);
  CHECK(pod_uid(cli.name_space()) == uid);
  CHECK(credentials_of(cli).at("password") == password);

  const Output gone = cli.teardown({"--yes", "--delete-data"});
  INFO(said(gone));
  REQUIRE(gone.status == 0);
  CHECK(cli.teardown({"--yes"}).status == 0);
  CHECK(cli.status().status == 6);
  CHECK(tree(cli.home()).count("redis-credentials.json") == 0);
  CHECK(cluster_state(cli.name_space()) == before);
}

TEST_CASE("teardown keeps the data, and a later setup finds it with the old password") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-keep");
  REQUIRE(cli.setup().status == 0);
  const std::string password = credentials_of(cli).at("password");
  inside(cli.name_space(), password, {"XADD", "raibid:jobs", "*", "job_id", "1"});
  const Output kept = cli.teardown({"--yes"});
  INFO(said(kept));
  REQUIRE(kept.status == 0);
  CHECK(kept.err.find("redis-data-raibid-redis-master-0") != std::string::npos);
  const Output removed = cli.status();
  CHECK(removed.status == 6);
  CHECK(removed.err.find("is removed; its data are kept in claim") != std::string::npos);
  CHECK(removed.err.find("redis-data-raibid-redis-master-0") != std::string::npos);
  const Output all = cli({"status", "--all", "--target", "kubernetes", "-n", cli.name_space()});
  INFO(said(all));
  CHECK(all.status == 6);
  CHECK(all.err.find("removed, data kept: release raibid-redis in namespace raibid-test-keep") != std::string::npos);
  REQUIRE(cli.setup().status == 0);
  CHECK(credentials_of(cli).at("password") == password);
  CHECK(trim(inside(cli.name_space(), password, {"XLEN", "raibid:jobs"})) == "1");
}

TEST_CASE("without persistence there is no claim, and status misses none") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-memory");
  const Output installed = cli.setup({"--no-persistence"});
  INFO(said(installed));
  REQUIRE(installed.status == 0);
  const Output healthy = cli.status();
  INFO(said(healthy));
  CHECK(healthy.status == 0);
  CHECK(trim(kubectl({"get", "persistentvolumeclaims", "-n", cli.name_space(), "-o", "name"})).empty());
}

TEST_CASE("teardown without a terminal and without --yes refuses and changes nothing") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-ask");
  REQUIRE(cli.setup().status == 0);
  const Output refused = cli.teardown();
  CHECK(refused.status == 2);
  CHECK(refused.err.find("--yes") != std::string::npos);
  CHECK(cli.status().status == 0);
}

TEST_CASE("changed limits roll the pod, and the new one is what is proved") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-change");
  REQUIRE(cli.setup().status == 0);
  const std::string uid = pod_uid(cli.name_space());
  const Output limits = cli.setup({"--memory-limit", "768Mi", "--restart"});
  INFO(said(limits));
  REQUIRE(limits.status == 0);
  CHECK(limits.err.find("revision 2") != std::string::npos);
  CHECK(pod_uid(cli.name_space()) != uid);
  CHECK(limits.err.find("maxmemory 460 MiB") != std::string::npos);
  const Output healthy = cli.status({"-o", "json"});
  INFO(said(healthy));
  CHECK(healthy.status == 0);
  const nlohmann::json storage = nlohmann::json::parse(healthy.out).at("storage");
  REQUIRE(storage.size() == 1);
  CHECK(storage[0].at("place") == "redis-data-raibid-redis-master-0");
  CHECK(storage[0].at("capacity_bytes") > 0);

  // the revisions of that, the way back, and an upgrade to what is there already
  const auto command = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"-n", cli.name_space(), "-o", "json"});
    return cli(words);
  };
  const nlohmann::json two = nlohmann::json::parse(command({"history", "redis"}).out);
  CHECK(schema_problem("history", two) == "");
  REQUIRE(two.size() == 2);
  CHECK(two[0].at("changes") == nlohmann::json{"--memory-limit 768Mi"});
  CHECK(two[0].at("current") == true);
  CHECK(two[0].at("operation") == "setup redis");
  const std::string changed = pod_uid(cli.name_space());
  CHECK(command({"rollback", "redis"}).status == 2);  // there is nobody to ask
  CHECK(pod_uid(cli.name_space()) == changed);
  cli.set("RAIBID_MEMORY_LIMIT", "2Gi");  // that revision did not have it
  const Output back = command({"rollback", "redis", "--yes"});
  INFO(said(back));
  REQUIRE(back.status == 0);
  CHECK(schema_problem("rollback", nlohmann::json::parse(back.out)) == "");
  CHECK(back.err.find("Redis restarts: memory limit 768Mi → 512Mi") != std::string::npos);
  CHECK(pod_uid(cli.name_space()) != changed);
  const std::string returned = pod_uid(cli.name_space());
  const Output same = command({"upgrade", "redis"});
  INFO(said(same));
  REQUIRE(same.status == 0);
  CHECK(schema_problem("upgrade", nlohmann::json::parse(same.out)) == "");
  CHECK(nlohmann::json::parse(same.out).at("changed") == false);
  CHECK(pod_uid(cli.name_space()) == returned);
  CHECK(nlohmann::json::parse(command({"history", "redis"}).out).size() == 3);
  const Output older = command({"upgrade", "redis", "--image", "redis:6"});
  CHECK(older.status == 3);
  CHECK(older.err.find("is older than") != std::string::npos);
}

TEST_CASE("what someone else made is refused and left alone") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-foreign");
  kubectl({"create", "namespace", cli.name_space()});
  const Output refused = cli.setup();
  CHECK(refused.status == 3);
  CHECK(refused.err.find("--adopt") != std::string::npos);
  kubectl({"create", "secret", "generic", "raibid-redis", "-n", cli.name_space(),
           "--from-literal=redis-password=theirs-and-only-theirs"});
  const Output adopted = cli.setup({"--adopt"});
  INFO(said(adopted));
  REQUIRE(adopted.status == 0);
  CHECK(credentials_of(cli).at("password") == "theirs-and-only-theirs");
  REQUIRE(cli.teardown({"--yes", "--delete-data"}).status == 0);
  CHECK(kubectl({"get", "namespace", cli.name_space(), "-o", "name"}).find(cli.name_space()) != std::string::npos);
}

TEST_CASE("a first install that cannot succeed says why and leaves nothing") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-badimage");
  const auto before = cluster_state(cli.name_space());
  const Output failed = cli.setup({"--image", "redis:no-such-tag-anywhere", "--timeout", "60s"});
  INFO(said(failed));
  CHECK(failed.status == 4);
  CHECK(failed.err.find("no-such-tag-anywhere") != std::string::npos);
  CHECK(cluster_state(cli.name_space()) == before);
  CHECK(tree(cli.home()).count("redis-credentials.json") == 0);
}

TEST_CASE("a failed change goes back to the revision before, and the password still works") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-back");
  REQUIRE(cli.setup().status == 0);
  const std::string password = credentials_of(cli).at("password");
  const Output failed = cli.setup({"--image", "redis:no-such-tag-anywhere", "--timeout", "60s", "--restart"});
  INFO(said(failed));
  CHECK(failed.status == 4);
  kubectl({"rollout", "status", "-n", cli.name_space(), "statefulset/raibid-redis-master", "--timeout=60s"});
  CHECK(trim(inside(cli.name_space(), password, {"PING"})) == "PONG");
  CHECK(cli.status().status == 0);
}

TEST_CASE("--dry-run shows plan, values and manifests without a secret, and changes nothing") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-dry");
  const auto before = cluster_state(cli.name_space());
  const Output shown = cli.setup({"--dry-run"});
  INFO(said(shown));
  REQUIRE(shown.status == 0);
  CHECK(shown.out.find("appendfsync everysec") != std::string::npos);
  CHECK(shown.out.find("kind: StatefulSet") != std::string::npos);
  CHECK(shown.out.find("***") != std::string::npos);
  CHECK(cluster_state(cli.name_space()) == before);
  CHECK(tree(cli.home()).count("redis-credentials.json") == 0);
}
