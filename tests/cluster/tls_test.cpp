// TLS on a real cluster: one release that goes through every change, with a client at work where nothing may be cut.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/secret_scan.hpp"
#include "support/thrown.hpp"
#include "tools/certificate.hpp"

namespace raibid::tls_cluster_test {

using namespace raibid::test;
using nlohmann::json;

namespace {

constexpr const char* space = "raibid-test-tls";
constexpr auto day = std::chrono::hours(24);

WallTime now() { return std::chrono::system_clock::now(); }

class Tls : public ClusterCli {
 public:
  Tls() : ClusterCli(space) {}

  Output run(std::vector<std::string> arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    arguments.insert(end, {"-n", space});
    return (*this)(arguments);
  }
  static std::string key(const std::string& secret, const std::string& name) {
    const json data = kubectl_json({"get", "secret", secret, "-n", space, "-o", "json"}).at("data");
    return base64_decode(data.at(name).get<std::string>());
  }
  static std::string pod_uid() {
    return kubectl({"get", "pod", "raibid-redis-master-0", "-n", space, "-o", "jsonpath={.metadata.uid}"});
  }
  /// What of TLS the namespace holds, "secret/raibid-redis-tls …".
  static std::string objects() {
    std::string names;
    for (const std::string& line : split(kubectl({"get", "secret,configmap", "-n", space, "-o", "name"}), '\n')) {
      if (line.ends_with("/raibid-redis-tls") || line.ends_with("/raibid-redis-ca"))
        names += std::string(trim(line)) + " ";
    }
    return names;
  }
  /// A client in the pod, which does not log in: "NOAUTH …" when it has reached Redis.
  static std::string ask(const std::vector<std::string>& options) {
    std::vector<std::string> argv = {"exec", "raibid-redis-master-0", "-n", space, "-c", "redis", "--", "redis-cli",
                                     "-h",   "raibid-redis-master"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"DBSIZE"});
    const Output output = attempt_kubectl(argv);
    return output.out + output.err;
  }
  /// A Service answers a moment after its pod is Ready: when kube-proxy knows.
  static bool reaches(const std::vector<std::string>& options) {
    for (int tries = 0; tries < 50; ++tries) {
      if (has(ask(options), "NOAUTH")) return true;
    }
    return false;
  }
  static Output attempt_kubectl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"kubectl", "--kubeconfig", std::getenv("RAIBID_TEST_KUBECONFIG")});
    return attempt(arguments);
  }
  /// An application's pod with what `export` gives, and nothing else: its variables, the client certificate, the CA.
  void start_application() {
    for (const std::vector<std::string>& what :
         {std::vector<std::string>{"secret"}, {"configmap"}, {"client-certificate"}}) {
      std::vector<std::string> words = {"export"};
      words.insert(words.end(), what.begin(), what.end());
      const Output exported = run(words);
      INFO(said(exported));
      REQUIRE(exported.status == 0);
      kubectl({"apply", "--server-side", "-f", "-"}, exported.out);
    }
    const json names = {{{"secretRef", {{"name", "raibid-redis-env"}}}},
                        {{"configMapRef", {{"name", "raibid-redis-env"}}}}};
    const json container = {{"name", "app"},
                            {"image", "redis:7-alpine"},
                            {"command", {"sh", "-c", "exec sleep 600"}},
                            {"envFrom", names},
                            {"volumeMounts", json::array({{{"name", "own"}, {"mountPath", "/etc/own"}}})}};
    const json own = {{"name", "own"}, {"secret", {{"secretName", "raibid-redis-env-client"}}}};
    const json pod = {{"apiVersion", "v1"},
                      {"kind", "Pod"},
                      {"metadata", {{"name", "application"}, {"namespace", space}}},
                      {"spec",
                       {{"terminationGracePeriodSeconds", 0},
                        {"containers", json::array({container})},
                        {"volumes", json::array({own})}}}};
    kubectl({"create", "-f", "-"}, pod.dump());
    kubectl({"wait", "--for=condition=Ready", "pod/application", "-n", space, "--timeout=60s"});
  }
  /// What redis-cli says in that pod, to its own address, logged in.
  static std::string as_application(const std::string& options, const std::string& command) {
    const Output output = attempt_kubectl({"exec", "application", "-n", space, "--", "sh", "-c",
                                           "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -h \"$REDIS_HOST\" -p "
                                           "\"$REDIS_PORT\" --tls --cacert /etc/own/ca.crt " +
                                               options + " " + command});
    return std::string(trim(output.out + output.err));
  }
  json tls_of_status() { return json::parse(run({"status", "redis", "-o", "json"}).out).at("tls"); }
};

/// A certificate as someone else would bring it; `names` and dates as the test wants them.
KeyPair issue(const KeyPair& ca, std::vector<std::string> names, WallTime from, WallTime until) {
  CertificateRequest request;
  request.common_name = "test";
  request.names = std::move(names);
  request.server = true;
  request.client = true;
  request.from = from;
  request.until = until;
  return issue_certificate(ca, request, "the test");
}

void put_secret(const std::string& name, const KeyPair& pair, const std::string& ca) {
  const json manifest = {
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"metadata", {{"name", name}, {"namespace", space}}},
      {"stringData", {{"tls.crt", pair.certificate}, {"tls.key", pair.key.reveal()}, {"ca.crt", ca}}}};
  kubectl({"apply", "--server-side", "--force-conflicts", "-f", "-"}, manifest.dump());
}

/// Both Secrets of the release as setup labels them.
void put_own(const KeyPair& ca, const KeyPair& pair) {
  const json labels = {{"app.kubernetes.io/managed-by", "raibid-cli"}, {"app.kubernetes.io/instance", "raibid-redis"}};
  const auto secret = [&](const char* name, const json& text) {
    return json{{"apiVersion", "v1"},
                {"kind", "Secret"},
                {"type", "kubernetes.io/tls"},
                {"metadata", {{"name", name}, {"namespace", space}, {"labels", labels}}},
                {"stringData", text}};
  };
  const json own = secret("raibid-redis-ca", {{"tls.crt", ca.certificate}, {"tls.key", ca.key.reveal()}});
  const json server = secret(
      "raibid-redis-tls", {{"tls.crt", pair.certificate}, {"tls.key", pair.key.reveal()}, {"ca.crt", ca.certificate}});
  kubectl({"create", "-f", "-"}, json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", {own, server}}}.dump());
}

const std::vector<std::string> with_tls = {"--tls", "--cacert", "/etc/tls/ca.crt"};

std::vector<std::string> with_certificate() {
  std::vector<std::string> options = with_tls;
  options.insert(options.end(), {"--cert", "/etc/tls/tls.crt", "--key", "/etc/tls/tls.key"});
  return options;
}

/// Numbers that a client was given by INCR, one after the other, and nothing else: no command failed.
bool counts_up(const std::string& output) {
  long long expected = 0;
  for (const std::string& line : split(trim(output), '\n')) {
    const std::string word(trim(line));
    const long long number =
        word.empty() || word.find_first_not_of("0123456789") != std::string::npos ? -1 : std::stoll(word);
    if (expected != 0 && number != expected) return false;
    if (number < 0) return false;
    expected = number + 1;
  }
  return expected > 100;
}

}  // namespace

TEST_CASE("TLS on a cluster: on, renewed under load, client certificates, migrating, off, and nothing is left") {
  Tls cli;
  const std::set<std::string> before = cluster_state(space);
  SecretScan scan({cli.folder()});
  // a CA of more than a year ago, as an earlier setup would have left it with the data
  kubectl({"create", "namespace", space});
  const KeyPair ca = make_ca("raibid-redis CA", now() - 400 * day, now() + 3000 * day);
  put_own(ca,
          issue(ca, {fmt::format("raibid-redis-master.{}.svc.cluster.local", space)}, now() - 399 * day, now() + day));
  const Output made = cli.run({"setup", "redis", "--adopt", "--tls"});
  INFO(said(made));
  REQUIRE(made.status == 0);
  CHECK(has(made.err, "a new certificate"));
  CHECK(Tls::key("raibid-redis-ca", "tls.crt") == ca.certificate);
  CHECK(Tls::objects() == "secret/raibid-redis-ca secret/raibid-redis-tls configmap/raibid-redis-ca ");
  CHECK(has(cli.run({"setup", "redis"}).out, "Nothing changed"));
  const std::string authority = Tls::key("raibid-redis-ca", "tls.crt");
  const CertificateFacts first = read_certificate(Tls::key("raibid-redis-tls", "tls.crt"), "the Secret");
  CHECK(covers_name(first, fmt::format("raibid-redis-master.{}.svc.cluster.local", space)));
  CHECK(covers_name(first, fmt::format("raibid-redis-master-0.raibid-redis-headless.{}.svc", space)));
  CHECK(cli.tls_of_status().at("fingerprint") == first.fingerprint);
  CHECK(cli.run({"smoke", "redis"}).status == 0);
  CHECK(Tls::reaches(with_tls));
  CHECK_FALSE(has(Tls::ask({}), "NOAUTH"));

  const std::string ca_key = Tls::key("raibid-redis-ca", "tls.key");
  const std::string server_key = Tls::key("raibid-redis-tls", "tls.key");
  {
    // more than a year old, as its CA would have issued it then
    const KeyPair old = issue(ca, first.names, now() - 390 * day, now() + 2000 * day);
    const std::string uid = Tls::pod_uid();
    const json patch = {{"stringData", {{"tls.crt", old.certificate}, {"tls.key", old.key.reveal()}}}};
    kubectl({"patch", "secret", "raibid-redis-tls", "-n", space, "--patch-file=/dev/stdin"}, patch.dump());
    std::unique_ptr<Process> load =
        cli.start({"connect", "redis", "-n", space, "--", "redis-cli", "-r", "3000", "-i", "0.003", "INCR", "load"});
    const Output renewed = cli.run({"setup", "redis"});
    INFO(said(renewed));
    REQUIRE(renewed.status == 0);
    CHECK(has(renewed.err, "older than a year"));
    const Output load_output = finish(cli.runner(), *load, TimePoint::max());
    INFO(load_output.out.substr(0, 300) << load_output.err);
    CHECK(counts_up(load_output.out));
    const CertificateFacts second = read_certificate(Tls::key("raibid-redis-tls", "tls.crt"), "the Secret");
    CHECK(second.fingerprint != first.fingerprint);
    CHECK(cli.tls_of_status().at("fingerprint") == second.fingerprint);
    CHECK(Tls::pod_uid() == uid);
    CHECK(Tls::key("raibid-redis-ca", "tls.crt") == authority);
    CHECK(has(cli.run({"setup", "redis"}).out, "Nothing changed"));

    // client certificates: asked for while Redis runs
    const Output mutual = cli.run({"setup", "redis", "--tls-client-certs", "--yes"});
    INFO(said(mutual));
    REQUIRE(mutual.status == 0);
    CHECK(Tls::pod_uid() == uid);
    CHECK_FALSE(has(Tls::ask(with_tls), "NOAUTH"));
    CHECK(has(Tls::ask(with_certificate()), "NOAUTH"));
    CHECK(cli.run({"status", "redis"}).status == 0);
    cli.start_application();
    CHECK(Tls::as_application("--cert /etc/own/tls.crt --key /etc/own/tls.key", "INCR application") == "1");
    CHECK(Tls::as_application("", "INCR application") != "2");
    CHECK(Tls::as_application("--cert /etc/own/tls.crt --key /etc/own/tls.key", "INCR application") == "2");
    kubectl({"delete", "pod/application", "secret/raibid-redis-env", "secret/raibid-redis-env-client",
             "configmap/raibid-redis-env", "configmap/raibid-redis-env-ca", "-n", space});

    // its Secrets are lost, one after the other and both: each is led back to one state
    kubectl({"delete", "secret/raibid-redis-tls", "-n", space});
    CHECK(cli.run({"tls", "rotate", "redis"}).status == 3);
    const Output made_again = cli.run({"setup", "redis"});
    INFO(said(made_again));
    CHECK(made_again.status == 0);
    CHECK(Tls::pod_uid() == uid);
    kubectl({"delete", "secret/raibid-redis-ca", "-n", space});
    CHECK(cli.run({"tls", "rotate", "redis", "--ca"}).status == 2);
    const Output other_ca = cli.run({"tls", "rotate", "redis", "--ca", "--yes"});
    INFO(said(other_ca));
    CHECK(other_ca.status == 0);
    CHECK(cli.run({"tls", "rotate", "redis", "--ca", "--finish", "--yes"}).status == 0);
    CHECK(Tls::pod_uid() == uid);
    CHECK(cli.run({"status", "redis"}).status == 0);
    kubectl({"label", "secret/raibid-redis-tls", "-n", space, "app.kubernetes.io/managed-by-"});
    const Output foreign = cli.run({"tls", "rotate", "redis"});
    CHECK(foreign.status == 3);
    CHECK(has(foreign.err, "was not made by raibid-cli"));
    kubectl({"delete", "secret/raibid-redis-ca", "secret/raibid-redis-tls", "-n", space});
    const Output lost = cli.run({"setup", "redis"});
    INFO(said(lost));
    CHECK(lost.status == 2);
    CHECK(has(lost.err, "its Secrets are lost"));
    const Output found = cli.run({"setup", "redis", "--restart"});
    INFO(said(found));
    REQUIRE(found.status == 0);
    CHECK(cli.run({"status", "redis"}).status == 0);

    const Output rotated = cli.run({"credentials", "rotate", "redis"});
    INFO(said(rotated));
    CHECK(rotated.status == 0);

    // one that a controller keeps is read, and never written
    kubectl({"annotate", "secret/raibid-redis-tls", "-n", space, "argocd.argoproj.io/tracking-id=app"});
    const std::string kept_one = Tls::key("raibid-redis-tls", "tls.crt");
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"tls", "rotate", "redis"}, {"setup", "redis"}}) {
      const Output refused = cli.run(words);
      INFO(said(refused));
      CHECK(refused.status == 3);
      CHECK(has(refused.err, "belongs to Argo CD"));
    }
    CHECK(Tls::key("raibid-redis-tls", "tls.crt") == kept_one);
    CHECK(cli.run({"status", "redis"}).status == 0);
    kubectl({"annotate", "secret/raibid-redis-tls", "-n", space, "argocd.argoproj.io/tracking-id-"});

    // plain and TLS clients at once
    CHECK(cli.run({"setup", "redis", "--tls-migrate", "--tls-client-certs=false"}).status == 2);
    const Output both = cli.run({"setup", "redis", "--tls-migrate", "--tls-client-certs=false", "--yes"});
    INFO(said(both));
    REQUIRE(both.status == 0);
    CHECK(Tls::reaches({}));
    std::vector<std::string> beside = with_tls;
    beside.insert(beside.end(), {"-p", "6380"});
    CHECK(Tls::reaches(beside));
    CHECK(cli.run({"status", "redis"}).status == 0);

    // off: the data stays, what was made for TLS goes
    const Output off = cli.run({"setup", "redis", "--tls=false", "--yes"});
    INFO(said(off));
    REQUIRE(off.status == 0);
    CHECK(Tls::objects().empty());
    CHECK(Tls::reaches({}));
    const Output kept = cli.run({"connect", "redis", "--", "redis-cli", "GET", "load"});
    CHECK(trim(kept.out) == "3000");
  }
  const Output gone = cli.run({"teardown", "redis", "--yes", "--delete-data"});
  INFO(said(gone));
  CHECK(gone.status == 0);
  kubectl({"delete", "namespace", space});
  CHECK(cluster_state(space) == before);
  // a line of each key's text: what a key looks like anywhere
  for (const std::string& key : {ca_key, server_key}) CHECK(scan.find(split(key, '\n').at(1)).empty());
}

TEST_CASE(
    "TLS on a cluster: a Secret that does not fit is refused before anything is changed, and one that fits is used") {
  Tls cli;
  const std::string service = fmt::format("raibid-redis-master.{}.svc.cluster.local", space);
  const KeyPair ca = make_ca("test", now() - day, now() + 90 * day);
  const KeyPair other_ca = make_ca("other", now() - day, now() + 90 * day);
  const KeyPair good = issue(ca, {service}, now() - day, now() + 60 * day);
  kubectl({"create", "namespace", space});
  struct Row {
    const char* what;
    KeyPair pair;
    std::string ca;
    const char* says;
  };
  const std::vector<Row> rows = {
      {"expired", issue(ca, {service}, now() - 20 * day, now() - day), ca.certificate, "expired"},
      {"not yet valid", issue(ca, {service}, now() + day, now() + 5 * day), ca.certificate, "not yet valid"},
      {"another CA", good, other_ca.certificate, "ca.crt"},
      {"another key", {good.certificate, other_ca.key}, ca.certificate, "tls.key"},
      {"another name", issue(ca, {"redis.example"}, now() - day, now() + 60 * day), ca.certificate, "does not name"}};
  CHECK(cli.run({"setup", "redis", "--adopt", "--tls-secret", "mine"}).status == 3);
  for (const Row& row : rows) {
    put_secret("mine", row.pair, row.ca);
    const Output refused = cli.run({"setup", "redis", "--adopt", "--tls-secret", "mine"});
    INFO(row.what << ": " << said(refused));
    CHECK(refused.status == 3);
    CHECK(has(refused.err, row.says));
  }
  CHECK(kubectl({"get", "statefulset", "-n", space, "-o", "name"}).empty());
  put_secret("mine", good, ca.certificate);
  const Output made = cli.run({"setup", "redis", "--adopt", "--tls-secret", "mine"});
  INFO(said(made));
  REQUIRE(made.status == 0);
  const Output healthy = cli.run({"status", "redis"});
  INFO(said(healthy));
  CHECK(healthy.status == 0);
  CHECK(has(cli.run({"setup", "redis"}).out, "Nothing changed"));
  CHECK(Tls::objects() == "configmap/raibid-redis-ca ");
  // what someone else has made stays, and is never overwritten
  const Output foreign = cli.run({"teardown", "redis", "--yes", "--delete-data"});
  CHECK(foreign.status == 0);
  CHECK(has(kubectl({"get", "secret", "-n", space, "-o", "name"}), "secret/mine"));
  put_secret("raibid-redis-tls", good, ca.certificate);
  const Output taken = cli.run({"setup", "redis", "--adopt", "--tls"});
  CHECK(taken.status == 3);
  CHECK(has(taken.err, "Secret raibid-redis-tls in namespace raibid-test-tls was not made by raibid-cli"));
  CHECK(Tls::key("raibid-redis-tls", "tls.crt") == good.certificate);
}

}  // namespace raibid::tls_cluster_test
