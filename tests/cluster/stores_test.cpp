// Passwords that a secret store keeps, on a real cluster: taken over live, never written or removed.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/thrown.hpp"
#include "sys/random.hpp"

namespace raibid::stores_cluster_test {

using namespace raibid::test;
using nlohmann::json;

namespace {

constexpr const char* space = "raibid-test-stores";

class Stores : public ClusterCli {
 public:
  Stores() : ClusterCli(space) {
    if (!kubectl({"get", "namespace", space, "--ignore-not-found", "-o", "name"}).empty()) return;
    kubectl({"create", "namespace", space});
  }
  ~Stores() { kubectl({"delete", "namespace", space, "--ignore-not-found"}); }

  Output run(std::vector<std::string> arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    arguments.insert(end, {"-n", space});
    return (*this)(arguments);
  }
  static json secret(const std::string& name) { return kubectl_json({"get", "secret", name, "-n", space}); }
  static std::string pod_uid() {
    return kubectl({"get", "pod", "raibid-redis-master-0", "-n", space, "-o", "jsonpath={.metadata.uid}"});
  }
  /// What a store does.
  static void store(const std::string& name, const std::string& key, const std::string& password) {
    const json manifest = {{"apiVersion", "v1"},
                           {"kind", "Secret"},
                           {"metadata", {{"name", name}, {"namespace", space}}},
                           {"data", {{key, base64_encode(password)}}}};
    kubectl({"apply", "--server-side", "--force-conflicts", "-f", "-"}, manifest.dump());
  }
  std::string ping(const std::string& password) {
    const std::string command = "redis-cli -h $REDIS_HOST -p $REDIS_PORT PING";
    return std::string(
        trim(run({"connect", "redis", "--", "sh", "-c", fmt::format("REDISCLI_AUTH={} {}", password, command)}).out));
  }
};

}  // namespace

TEST_CASE("stores on a cluster: a password that a store keeps is used, and taken over live when it changes") {
  if (!have_cluster()) return;
  Stores cli;
  const Output none = cli.run({"setup", "redis", "--adopt", "--existing-secret", "queue/password"});
  CHECK(none.status == 3);
  CHECK(has(none.err, "there is no Secret queue"));
  Stores::store("queue", "password", "with-line-break\n");
  CHECK(
      has(cli.run({"setup", "redis", "--adopt", "--existing-secret", "queue/password"}).err, "ends with a line break"));
  CHECK(has(cli.run({"setup", "redis", "--adopt", "--existing-secret", "queue"}).err, "it has password"));
  CHECK(kubectl({"get", "statefulset,lease", "-n", space, "-o", "name"}).empty());
  Stores::store("queue", "password", "first-password");
  const std::string before = Stores::secret("queue")["metadata"]["resourceVersion"];
  const Output made = cli.run({"setup", "redis", "--adopt", "--existing-secret", "queue/password"});
  INFO(said(made));
  REQUIRE(made.status == 0);
  CHECK(Stores::secret("queue")["metadata"]["resourceVersion"] == before);
  CHECK(cli.ping("first-password") == "PONG");
  CHECK(cli.run({"status"}).status == 0);
  CHECK(has(cli.run({"credentials", "sync"}).out, "nothing to do"));
  const Output rotate = cli.run({"credentials", "rotate"});
  CHECK(rotate.status == 3);
  CHECK(has(rotate.err, "credentials sync"));
  const std::string pod = Stores::pod_uid();

  Stores::store("queue", "password", "second-password");
  const Output differs = cli.run({"status"});
  CHECK(differs.status == 1);
  CHECK(has(differs.out, "Secret queue/password has another password than Redis"));
  CHECK(has(differs.out, "raibid-cli credentials sync"));
  const Output synced = cli.run({"credentials", "sync"});
  INFO(said(synced));
  REQUIRE(synced.status == 0);
  for (const char* password : {"first-password", "second-password"}) CHECK(cli.ping(password) == "PONG");
  // a third one has to wait, and nothing of it is begun
  Stores::store("queue", "password", "third-password");
  const Output third = cli.run({"credentials", "sync"});
  INFO(said(third));
  CHECK(third.status == 3);
  CHECK(has(third.err, "two passwords are already valid"));
  CHECK(cli.ping("third-password") != "PONG");
  Stores::store("queue", "password", "short");
  CHECK(has(cli.run({"status"}).out, "has a password that cannot be used: it has fewer than 8"));
  Stores::store("queue", "password", "second-password");
  CHECK(cli.run({"status"}).status == 0);
  REQUIRE(cli.run({"credentials", "sync", "--finish", "--yes"}).status == 0);
  CHECK(cli.ping("first-password") != "PONG");
  CHECK(cli.ping("second-password") == "PONG");
  CHECK(has(cli.run({"setup", "redis"}).out, "Nothing changed"));
  CHECK(Stores::pod_uid() == pod);

  const std::string kept = Stores::secret("queue").dump();
  const Output gone = cli.run({"teardown", "redis", "--yes", "--delete-data"});
  INFO(said(gone));
  CHECK(gone.status == 0);
  CHECK(Stores::secret("queue").dump() == kept);
  CHECK(kubectl({"get", "secret", "raibid-redis", "-n", space, "--ignore-not-found", "-o", "name"}).empty());
}

TEST_CASE("stores on a cluster: the release's own Secret, when a store keeps it, is read and never written") {
  if (!have_cluster()) return;
  Stores cli;
  REQUIRE(cli.run({"setup", "redis", "--adopt"}).status == 0);
  // as External Secrets marks a Secret that it merges into
  kubectl({"label", "secret", "raibid-redis", "-n", space, "reconcile.external-secrets.io/managed=true"});
  const Output refused = cli.run({"setup", "redis"});
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "belongs to External Secrets"));
  CHECK(has(refused.err, "--existing-secret raibid-redis"));
  CHECK(cli.run({"credentials", "rotate"}).status == 3);
  const Output named = cli.run({"setup", "redis", "--existing-secret", "raibid-redis"});
  INFO(said(named));
  REQUIRE(named.status == 0);

  json secret = Stores::secret("raibid-redis");
  std::string acl = base64_decode(secret["data"]["users.acl"].get<std::string>());
  const std::string old = base64_decode(secret["data"]["redis-password"].get<std::string>());
  acl.replace(acl.find(sha256_hex(old)), 64, sha256_hex("of-the-store"));
  const json merged = {
      {"data", {{"users.acl", base64_encode(acl)}, {"redis-password", base64_encode("of-the-store")}}}};
  kubectl({"patch", "secret", "raibid-redis", "-n", space, "--type", "merge", "-p", merged.dump()});
  const std::string written = Stores::secret("raibid-redis").dump();
  const Output differs = cli.run({"status"});
  CHECK(differs.status == 1);
  CHECK(has(differs.out, "the store has changed the password"));
  const Output stopped = cli.run({"setup", "redis"});
  CHECK(stopped.status == 3);
  CHECK(has(stopped.err, "credentials sync"));
  const Output synced = cli.run({"credentials", "sync"});
  INFO(said(synced));
  REQUIRE(synced.status == 0);
  CHECK(cli.ping(old) == "PONG");
  CHECK(cli.ping("of-the-store") == "PONG");
  REQUIRE(cli.run({"credentials", "sync", "--finish", "--yes"}).status == 0);
  CHECK(cli.ping(old) != "PONG");
  CHECK(cli.ping("of-the-store") == "PONG");
  CHECK(cli.run({"status"}).status == 0);
  CHECK(has(cli.run({"credentials", "sync"}).out, "nothing to do"));
  CHECK(has(cli.run({"setup", "redis"}).out, "Nothing changed"));
  CHECK(cli.run({"teardown", "redis", "--yes", "--delete-data"}).status == 0);
  CHECK(Stores::secret("raibid-redis").dump() == written);
}

}  // namespace raibid::stores_cluster_test
