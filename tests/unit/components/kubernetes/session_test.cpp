#include "components/kubernetes/session.hpp"

#include "base/error.hpp"
#include "fakes/fake_random.hpp"
#include "fakes/fake_redis.hpp"
#include "fakes/fake_reporter.hpp"
#include "fakes/fake_runner.hpp"
#include "support/errors.hpp"
#include "sys/signals.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

namespace raibid::session_test {

namespace {

using namespace std::chrono_literals;

const std::string with_plugin = R"({"current-context": "eks",
  "clusters": [{"name": "c", "cluster": {"server": "https://c:6443"}}],
  "contexts": [{"name": "eks", "context": {"cluster": "c", "user": "u"}}],
  "users": [{"name": "u", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}}}]})";
const std::string with_plain_login = R"(current-context: dev
clusters: [{name: c, cluster: {server: "https://c:6443"}}]
contexts: [{name: dev, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
)";
const std::string empty_config = R"({"kind": "Config", "clusters": null, "contexts": null, "users": null})";

struct Scene {
  FakeRunner runner;
  FakeRandom random;
  Signals signals;
  FakeReporter reporter;
  FakeRedis redis{[](const std::string&) { return FakeRedis::status("PONG"); }};
  std::ostringstream results;
  TemporaryDirectory folder{fs::temp_directory_path()};

  Context context(Duration timeout, const SettingMap& flags = {}, Environment environment = {}) {
    environment["HOME"] = folder.path();
    std::vector<std::string> warnings;
    return Context{runner,
                   runner.clock(),
                   random,
                   signals,
                   reporter,
                   redis,
                   environment,
                   resolve_paths(environment),
                   resolve_settings(global_options(), flags, environment, {}, {}, warnings),
                   {},
                   runner.now() + timeout,
                   results,
                   {},
                   ChangeGuard(false),
                   Files(ChangeGuard(false))};
  }
};

}  // namespace

TEST_CASE("a credential plugin runs once, in the user's sight, before anything else is asked") {
  Scene scene;
  scene.runner.expect(argv_has({"config", "view"}), {0, with_plugin, "", false});
  ChildScript& first = scene.runner.expect_stream(argv_has({"--context", "eks", "--request-timeout=300s", "version"}));
  first.says_err("Open https://login.example/device\n").after(1s);
  first.says_err("Code: ").after(20s);
  first.exits(0).after(20s);
  Context context = scene.context(300s);
  const ClusterSession session = choose_cluster(context, "jobs", NeedsHelm::no);
  CHECK(session.kubectl.cluster().plugin == "aws");
  CHECK(scene.reporter.has("passed on: Open https://login.example/device"));
  CHECK(scene.reporter.has("passed on: Code: "));
  // what follows has the time that such a login takes
  CHECK(question_deadline(context) - scene.runner.now() > 60s);
  const std::vector<std::string> words = session.kubectl.version().argv;
  CHECK(std::find(words.begin(), words.end(), "--request-timeout=200s") != words.end());
}

TEST_CASE("a credential plugin has until --timeout, and is named when that passes") {
  Scene scene;
  scene.runner.expect(argv_has({"config", "view"}), {0, with_plugin, "", false});
  ChildScript& first = scene.runner.expect_stream(argv_has({"version"}));
  Context context = scene.context(60s);
  ExitCode code = ExitCode::ok;
  const std::string message = tests::message_of([&] { choose_cluster(context, "jobs", NeedsHelm::no); }, &code);
  CHECK(message == "the credential plugin aws of context eks did not finish in time");
  CHECK(code == ExitCode::preflight);
  CHECK(first.ended_by_us());
}

TEST_CASE("what kubectl itself says of a failed login is said once") {
  Scene scene;
  scene.runner.expect(argv_has({"config", "view"}), {0, with_plugin, "", false});
  ChildScript& first = scene.runner.expect_stream(argv_has({"version"}));
  first.says_err("aws: the session has expired\n");
  first.says_err(
      "Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 1\n");
  first.exits(1);
  Context context = scene.context(60s);
  const std::string message = tests::message_of([&] { choose_cluster(context, "jobs", NeedsHelm::no); });
  CHECK(message.find("the credential plugin of context eks failed") == 0);
  CHECK(scene.reporter.has("passed on: aws: the session has expired"));
  CHECK_FALSE(scene.reporter.has("passed on: Unable to connect"));
}

TEST_CASE("a login without a plugin costs no call of its own") {
  Scene scene;
  scene.runner.expect(argv_has({"config", "view"}),
                      {0, R"({"current-context": "dev", "clusters": [{"name": "c", "cluster": {"server": "https://c"}}],
                           "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
                           "users": [{"name": "u", "user": {"token": "REDACTED"}}]})",
                       "", false});
  Context context = scene.context(300s);
  choose_cluster(context, "jobs", NeedsHelm::no);
  CHECK(scene.runner.calls().size() == 1);
}

TEST_CASE("a plain kubeconfig is read without starting a kubectl, and the choice goes to every child") {
  Scene scene;
  fs::create_directories(scene.folder.path() / ".kube");
  write_atomic(scene.folder.path() / ".kube/config", "apiVersion: v1\nkind: Config\n" + with_plain_login);
  write_atomic(scene.folder.path() / "kubectl",
               "\x7f"
               "ELF",
               0755);
  Context context = scene.context(300s, {}, {{"PATH", scene.folder.path()}});
  const ClusterSession session = choose_cluster(context, "jobs", NeedsHelm::no);
  CHECK(scene.runner.calls().empty());
  CHECK(session.kubectl.cluster().server == "https://c:6443");
  const std::vector<std::string> words = session.kubectl.version().argv;
  CHECK(std::find(words.begin(), words.end(), "--context") != words.end());
  CHECK(std::find(words.begin(), words.end(), "dev") != words.end());
}

TEST_CASE("a pod's service account is a cluster, and kubectl is left to find it") {
  const TemporaryDirectory mounted(fs::temp_directory_path());
  const Environment pod = {{"KUBERNETES_SERVICE_HOST", "10.43.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}};
  CHECK_FALSE(cluster_of_this_pod(pod, mounted.path()));  // no token is mounted
  std::ofstream(mounted.path() / "token") << "secret-token";
  std::ofstream(mounted.path() / "namespace") << "ci\n";
  CHECK_FALSE(cluster_of_this_pod({}, mounted.path()));
  const std::optional<Cluster> cluster = cluster_of_this_pod(pod, mounted.path());
  REQUIRE(cluster);
  CHECK(cluster->server == "https://10.43.0.1:443");
  CHECK(cluster->context == "in-cluster");
  CHECK(cluster->context_namespace == "ci");

  FakeRunner runner;
  const Kubectl kubectl(runner, *cluster, "jobs");
  CHECK(describe(kubectl) == "Cluster in-cluster (https://10.43.0.1:443), namespace jobs");
  const Helm helm(runner, *cluster, "jobs", 4);
  for (const std::vector<std::string>& words : {kubectl.version().argv, helm.uninstall("r").argv}) {
    for (const std::string& word : words) {
      CHECK(word.find("context") == std::string::npos);
      CHECK(word.find("kubeconfig") == std::string::npos);
      CHECK(word.find("request-timeout") == std::string::npos);  // kubectl would ask localhost then
      CHECK(word.find("secret-token") == std::string::npos);
    }
  }
}

TEST_CASE("outside a pod an empty kubeconfig is an error as before") {
  Scene scene;
  scene.runner.expect(argv_has({"config", "view"}), {0, empty_config, "", false});
  Context context = scene.context(300s);
  ExitCode code = ExitCode::ok;
  tests::message_of([&] { choose_cluster(context, "jobs", NeedsHelm::no); }, &code);
  CHECK(code == ExitCode::preflight);
}

}  // namespace raibid::session_test
