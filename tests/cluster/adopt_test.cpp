// A Redis of someone else's chart in the cluster, used by its Service: found, worked with, and not changed in
// anything.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "tools/certificate.hpp"

namespace raibid::adopt_cluster_test {

using namespace raibid::test;
using nlohmann::json;

namespace {

constexpr const char* space = "raibid-test-adopt";

/// In the shape of Bitnami's chart with usePasswordFiles: Secret, StatefulSet and Service, all by its names.
constexpr const char* release = R"yaml(
apiVersion: v1
kind: Secret
metadata: {name: cache-redis, namespace: raibid-test-adopt}
stringData: {redis-password: "of someone else's"}
---
apiVersion: v1
kind: Service
metadata: {name: cache-redis-master, namespace: raibid-test-adopt}
spec:
  ports: [{name: tcp-redis, port: 6379, targetPort: redis}]
  selector: {app.kubernetes.io/instance: cache, app.kubernetes.io/component: master}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cache-redis-master, namespace: raibid-test-adopt}
spec:
  serviceName: cache-redis-headless
  selector: {matchLabels: {app.kubernetes.io/instance: cache, app.kubernetes.io/component: master}}
  template:
    metadata: {labels: {app.kubernetes.io/instance: cache, app.kubernetes.io/component: master}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: redis
          image: redis:7-alpine
          command: [sh, -c, 'exec redis-server --requirepass "$(cat "$REDIS_PASSWORD_FILE")" --maxmemory-policy noeviction']
          env: [{name: REDIS_PASSWORD_FILE, value: /opt/bitnami/redis/secrets/redis-password}]
          ports: [{name: redis, containerPort: 6379}]
          readinessProbe: {tcpSocket: {port: redis}, periodSeconds: 1}
          volumeMounts: [{name: redis-password, mountPath: /opt/bitnami/redis/secrets/}]
      volumes:
        - name: redis-password
          secret: {secretName: cache-redis, items: [{key: redis-password, path: redis-password}]}
)yaml";

/// The same release with TLS, as that chart has it: its own CA, in the Secret that the pods mount. No Service without
/// it.
KeyPair theirs(const KeyPair& ca) {
  const WallTime now = std::chrono::system_clock::now();
  const std::vector<std::string> names = {fmt::format("cache-redis-master.{}.svc.cluster.local", space)};
  return issue_certificate(
      ca, {"cache", names, true, true, now - std::chrono::hours(1), now + std::chrono::hours(2400)}, "the test");
}

constexpr const char* with_tls = R"json([
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "REDIS_TLS_ENABLED", "value": "yes"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "REDIS_TLS_AUTH_CLIENTS", "value": "yes"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "REDIS_TLS_CERT_FILE", "value": "/opt/bitnami/redis/certs/tls.crt"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "REDIS_TLS_KEY_FILE", "value": "/opt/bitnami/redis/certs/tls.key"}},
  {"op": "add", "path": "/spec/template/spec/containers/0/env/-",
   "value": {"name": "REDIS_TLS_CA_FILE", "value": "/opt/bitnami/redis/certs/ca.crt"}},
  {"op": "replace", "path": "/spec/template/spec/containers/0/command/2",
   "value": "exec redis-server --requirepass \"$(cat \"$REDIS_PASSWORD_FILE\")\" --maxmemory-policy noeviction --port 0 --tls-port 6379 --tls-cert-file $REDIS_TLS_CERT_FILE --tls-key-file $REDIS_TLS_KEY_FILE --tls-ca-cert-file $REDIS_TLS_CA_FILE --tls-auth-clients $REDIS_TLS_AUTH_CLIENTS"},
  {"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts/-",
   "value": {"name": "redis-certificates", "mountPath": "/opt/bitnami/redis/certs"}},
  {"op": "add", "path": "/spec/template/spec/volumes/-",
   "value": {"name": "redis-certificates", "secret": {"secretName": "cache-redis-crt"}}}])json";

class Adopted : public ClusterCli {
 public:
  Adopted() : ClusterCli(space) {
    kubectl({"create", "namespace", space});
    kubectl({"apply", "-f", "-"}, release);
    kubectl({"rollout", "status", "statefulset/cache-redis-master", "-n", space, "--timeout=60s"});
  }
  ~Adopted() { kubectl({"delete", "namespace", space, "--ignore-not-found"}); }

  Output run(std::vector<std::string> arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    arguments.insert(end, {"--target", "external"});
    return (*this)(arguments);
  }
  /// Everything of the other release, as the API server has it.
  static std::string release_state() {
    json all = json::object();
    for (const char* kind : {"statefulset", "service", "secret", "pod", "configmap", "lease"}) {
      for (const json& one : kubectl_json({"get", kind, "-n", space})["items"])
        all[kind][one["metadata"]["name"].get<std::string>()] = one["metadata"]["resourceVersion"];
    }
    return all.dump();
  }
};

}  // namespace

TEST_CASE("adopt on a cluster: a release of Bitnami's shape is used by its Service, and stays as it is") {
  if (!have_cluster()) return;
  Adopted cli;
  const std::string before = Adopted::release_state();
  const std::string service = std::string(space) + "/cache-redis-master";
  const Output other = cli.run({"doctor", "--adopt-service", std::string(space) + "/redis"});
  CHECK(other.status == 1);
  CHECK(has(other.out, "Services with a port 6379 there: cache-redis-master"));
  const Output doctor = cli.run({"doctor", "--adopt-service", service});
  INFO(said(doctor));
  CHECK(doctor.status == 0);
  const Output made = cli.run({"setup", "redis", "--adopt-service", service});
  INFO(said(made));
  REQUIRE(made.status == 0);
  CHECK(has(made.err, "Service " + service));
  // the commands after it need no name
  const Output status = cli.run({"status"});
  INFO(said(status));
  CHECK(status.status == 0);
  CHECK(cli.run({"smoke", "redis"}).status == 0);
  CHECK(cli.run({"queue", "add", "--field", "job_id=1", "--field", "job_type=build", "--field", "payload={}"}).status ==
        0);
  CHECK(has(cli.run({"queue", "stats"}).out, "raibid:jobs"));
  CHECK(trim(cli.run({"connect", "redis", "--", "redis-cli", "XLEN", "raibid:jobs"}).out) == "1");
  CHECK(trim(cli.run({"url", "redis"}).out) == "redis://cache-redis-master.raibid-test-adopt.svc.cluster.local:6379");
  const json secret = json::parse(cli.run({"export", "secret", "-o", "json"}).out);
  const std::string text = secret.dump();
  CHECK(has(text, base64_encode("of someone else's")));
  CHECK(cli.run({"credentials", "rotate"}).status == 3);
  CHECK(cli.run({"credentials", "sync"}).status == 2);
  CHECK(Adopted::release_state() == before);

  // its data into a Redis of ours
  const std::string backups = (cli.folder() / "backups").string();
  const Output taken = cli.run({"backup", "redis", backups});
  INFO(said(taken));
  CHECK(taken.status == 0);
  CHECK(has(taken.err, "loads it"));
  const std::vector<std::string> here = {"--target", "local", "--release", "raibid-redis"};
  const auto on_this_machine = [&](std::vector<std::string> words) {
    words.insert(std::find(words.begin(), words.end(), "--"), here.begin(), here.end());
    return cli(words);
  };
  CHECK(on_this_machine({"setup", "redis"}).status == 0);
  const Output restored = on_this_machine({"restore", "redis", backups, "--yes"});
  INFO(said(restored));
  CHECK(restored.status == 0);
  CHECK(has(restored.err, "of another Redis: Service " + service));
  CHECK(trim(on_this_machine({"connect", "redis", "--", "redis-cli", "XLEN", "raibid:jobs"}).out) == "1");
  CHECK(on_this_machine({"teardown", "redis", "--yes", "--delete-data"}).status == 0);
  CHECK(Adopted::release_state() == before);

  // with jobs in it the stream stays; without, all that setup made goes, and nothing else
  CHECK(trim(cli.run({"connect", "redis", "--", "redis-cli", "SET", "theirs", "1"}).out) == "OK");
  CHECK(cli.run({"connect", "redis", "--", "redis-cli", "XTRIM", "raibid:jobs", "MAXLEN", "0"}).status == 0);
  const Output gone = cli.run({"teardown", "redis", "--yes", "--delete-data"});
  INFO(said(gone));
  CHECK(gone.status == 0);
  CHECK(has(gone.err + gone.out, "Service " + service + " itself"));
  const Output left = cli.run({"connect", "redis", "--adopt-service", service, "--", "redis-cli", "KEYS", "*"});
  CHECK(trim(left.out) == "theirs");
  CHECK(Adopted::release_state() == before);
}

TEST_CASE("adopt on a cluster: a release with TLS, whose CA and certificate are in its own Secret") {
  if (!have_cluster()) return;
  Adopted cli;
  const WallTime now = std::chrono::system_clock::now();
  const KeyPair ca = make_ca("theirs", now - std::chrono::hours(2), now + std::chrono::hours(2400));
  const KeyPair pair = theirs(ca);
  const json secret = {
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"metadata", {{"name", "cache-redis-crt"}, {"namespace", space}}},
      {"stringData", {{"tls.crt", pair.certificate}, {"tls.key", pair.key.reveal()}, {"ca.crt", ca.certificate}}}};
  kubectl({"create", "-f", "-"}, secret.dump());
  kubectl({"patch", "statefulset", "cache-redis-master", "-n", space, "--type", "json", "-p", with_tls});
  kubectl({"rollout", "status", "statefulset/cache-redis-master", "-n", space, "--timeout=60s"});
  const std::string before = Adopted::release_state();
  const Output made = cli.run({"setup", "redis", "--adopt-service", std::string(space) + "/cache-redis-master"});
  INFO(said(made));
  REQUIRE(made.status == 0);
  const Output status = cli.run({"status"});
  INFO(said(status));
  CHECK(status.status == 0);
  CHECK(has(status.out, "tls"));
  CHECK(trim(cli.run({"connect", "redis", "--", "redis-cli", "PING"}).out) == "PONG");
  CHECK(trim(cli.run({"url", "redis"}).out) == "rediss://cache-redis-master.raibid-test-adopt.svc.cluster.local:6379");
  CHECK(has(cli.run({"export", "configmap"}).out, "BEGIN CERTIFICATE"));
  CHECK(cli.run({"smoke", "redis"}).status == 0);
  CHECK(Adopted::release_state() == before);
  CHECK(cli.run({"teardown", "redis", "--yes"}).status == 0);
  // without the CA in its Secret the way out is named, and nothing is set up
  kubectl({"patch", "secret", "cache-redis-crt", "-n", space, "--type", "json", "-p",
           R"([{"op": "remove", "path": "/data/ca.crt"}])"});
  const Output refused = cli.run({"setup", "redis", "--adopt-service", std::string(space) + "/cache-redis-master"});
  INFO(said(refused));
  CHECK(refused.status == 3);
  CHECK(has(refused.err, "Secret cache-redis-crt has no CA in key ca.crt"));
  CHECK(has(refused.err, "--tls-ca FILE"));
  const std::string file = cli.folder() / "ca.crt";
  write_own_file(file, ca.certificate);
  const Output named =
      cli.run({"setup", "redis", "--adopt-service", std::string(space) + "/cache-redis-master", "--tls-ca", file});
  INFO(said(named));
  CHECK(named.status == 0);
  CHECK(cli.run({"status"}).status == 0);
  CHECK(cli.run({"teardown", "redis", "--yes"}).status == 0);
}

TEST_CASE("adopt on a cluster: the password by --existing-secret, and a wrong one is told apart") {
  if (!have_cluster()) return;
  Adopted cli;
  kubectl({"create", "secret", "generic", "other", "-n", space, "--from-literal=right=of someone else's",
           "--from-literal=wrong=something-else"});
  const std::vector<std::string> adopt = {"--adopt-service", "cache-redis-master", "-n", space};
  const auto with = [&](std::vector<std::string> words, const std::string& secret) {
    words.insert(words.end(), adopt.begin(), adopt.end());
    words.insert(words.end(), {"--existing-secret", secret});
    return cli.run(words);
  };
  const Output wrong = with({"setup", "redis"}, "other/wrong");
  INFO(said(wrong));
  CHECK(wrong.status == 3);
  CHECK(has(wrong.err, "the password is from Secret other, key wrong"));
  const Output missing = with({"setup", "redis"}, "other/none");
  CHECK(missing.status == 3);
  CHECK(has(missing.err, "has no password in key none"));
  REQUIRE(with({"setup", "redis"}, "other/right").status == 0);
  // the pod is replaced: the way leads to the next one
  kubectl({"delete", "pod", "cache-redis-master-0", "-n", space});
  kubectl({"rollout", "status", "statefulset/cache-redis-master", "-n", space, "--timeout=60s"});
  CHECK(cli.run({"setup", "redis"}).status == 0);
  CHECK(cli.run({"status"}).status == 0);
  CHECK(cli.run({"teardown", "redis", "--yes"}).status == 0);
}

}  // namespace raibid::adopt_cluster_test
