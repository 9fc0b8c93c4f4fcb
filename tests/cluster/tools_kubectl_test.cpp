#include "base/error.hpp"
#include "base/strings.hpp"
#include "support/cli.hpp"
#include "support/test_cluster.hpp"
#include "tools/port_forward.hpp"
#include "tools/redis_client.hpp"
#include "tools/redis_connection.hpp"

#include <doctest/doctest.h>

#include <array>
#include <functional>

namespace raibid::tools_kubectl_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

json secret(const std::string& name, const std::string& password) {
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", {{"name", name}, {"labels", {{"app.kubernetes.io/managed-by", "raibid-cli"}}}}},
          {"data", {{"redis-password", base64_encode(password)}}}};
}

Error error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  return Error(ExitCode::ok, "no error");
}

bool begins(const std::string& text, std::string_view with) { return text.compare(0, with.size(), with) == 0; }

}  // namespace

TEST_CASE("versions of client and server") {
  TestCluster test("version");
  if (test.absent) return;
  const Command command = test.kubectl->version();
  const auto versions = Kubectl::parse_version(command, run(test.runner, command, test.in(20s)));
  CHECK(begins(versions.client, "1."));
  CHECK(begins(versions.server, "1."));
}

TEST_CASE("apply makes, changes and takes back, and leaves no copy") {
  TestCluster test("apply");
  if (test.absent) return;
  test.run_checked(test.kubectl->apply(secret("one", "geheim")));
  CHECK(base64_decode(test.get("secret/one")["data"]["redis-password"].get<std::string>()) == "geheim");
  CHECK_FALSE(test.get("secret/one")["metadata"].contains("annotations"));
  Command by_hand = test.kubectl->get({"secret/one"});
  by_hand.api = nullptr;  // what follows is for kubectl itself
  by_hand.argv = {"kubectl",     "--kubeconfig",  test.kubeconfig,
                  "-n",          test.name_space, "label",
                  "--overwrite", "secret/one",    "app.kubernetes.io/managed-by=me"};
  test.run_checked(by_hand);
  test.run_checked(test.kubectl->apply(secret("one", "anders")));
  const json now = test.get("secret/one");
  CHECK(base64_decode(now["data"]["redis-password"].get<std::string>()) == "anders");
  CHECK(now["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "raibid-cli");
}

TEST_CASE("create does not overwrite; get finds what is there; remove is done twice") {
  TestCluster test("create");
  if (test.absent) return;
  test.create(secret("one", "geheim"));
  const Error again = error_of([&] { test.create(secret("one", "anders")); });
  CHECK(again.message() == "kubectl create: secrets \"one\" already exists");
  CHECK(again.code() == ExitCode::failure);
  test.create(secret("two", "x"));
  const auto found = [&](const std::vector<std::string>& names) {
    const Command command = test.kubectl->get(names);
    return Kubectl::parse_items(command, run(test.runner, command, test.in(20s))).size();
  };
  CHECK(found({"secret/none"}) == 0);
  CHECK(found({"secret/one"}) == 1);
  CHECK(found({"secret/one", "secret/two", "pod/none", "statefulset/none"}) == 2);
  const Command list = test.kubectl->list("secrets,pods", "app.kubernetes.io/managed-by=raibid-cli");
  CHECK(Kubectl::parse_items(list, run(test.runner, list, test.in(20s))).size() == 2);
  for (int i = 0; i < 2; ++i) test.run_checked(test.kubectl->remove({"secret/one", "secret/two"}, 20));
  CHECK(found({"secret/one", "secret/two"}) == 0);
}

TEST_CASE("what the server repeats of a Secret is masked") {
  TestCluster test("mask");
  if (test.absent) return;
  json wrong = secret("one", "x");
  wrong["data"] = {{"redis-password", "geheim!"}};
  wrong["stringData"] = {{"a", {{"b", "streng-geheim"}}}, {"c", "geheim!"}};
  for (const Command& command : {test.kubectl->apply(wrong), test.kubectl->create(wrong)}) {
    const Error error = error_of([&] { test.run_checked(command); });
    CHECK(error.code() == ExitCode::failure);
    CHECK(error.message().find("geheim!") == std::string::npos);
  }
}

TEST_CASE("a delete that something holds says what") {
  TestCluster test("held");
  if (test.absent) return;
  json held = {{"apiVersion", "v1"},
               {"kind", "ConfigMap"},
               {"metadata", {{"name", "held"}, {"finalizers", {"raibid.test/hold"}}}}};
  test.create(held);
  const Error error = error_of([&] { test.run_checked(test.kubectl->remove({"configmap/held"}, 1)); });
  CHECK(error.message() == "kubectl delete: timed out waiting for the condition on configmaps/held");
  CHECK(error.hint().find("finalizer") != std::string::npos);
  Command release = test.kubectl->get({"configmap/held"});
  release.api = nullptr;  // what follows is for kubectl itself
  release.argv = {"kubectl", "--kubeconfig",   test.kubeconfig, "-n", test.name_space,
                  "patch",   "configmap/held", "--type=merge",  "-p", R"({"metadata":{"finalizers":null}})"};
  test.run_checked(release);
}

TEST_CASE("an account without rights, a wrong token, a certificate that nobody signed") {
  TestCluster test("rights");
  if (test.absent) return;
  test.create({{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", {{"name", "limited"}}}});
  Command token = test.kubectl->get({"sa/limited"});
  token.api = nullptr;  // what follows is for kubectl itself
  token.argv = {"kubectl", "--kubeconfig", test.kubeconfig, "-n", test.name_space, "create", "token", "limited"};
  const std::string text(trim(test.run_checked(token).out));

  const std::vector<Kubectl::Right> rights = {{"create", "", "secrets", "", false},
                                              {"create", "authorization.k8s.io", "selfsubjectaccessreviews", "", true},
                                              {"create", "", "namespaces", "", true}};
  const auto refused = [&](const Kubectl& kubectl) {
    const Command command = kubectl.review_rights(rights);
    return Kubectl::parse_refused(rights, command, run(test.runner, command, test.in(20s)));
  };
  CHECK(refused(*test.kubectl).empty());

  Cluster limited = test.cluster;
  limited.kubeconfig = test.kubeconfig_with_user({{"token", text}});
  const Kubectl other(test.runner, limited, test.name_space);
  const std::vector<Kubectl::Right> not_allowed = refused(other);
  REQUIRE(not_allowed.size() == 2);
  CHECK(not_allowed[0].resource == "secrets");
  CHECK(not_allowed[1].resource == "namespaces");
  const Error forbidden = error_of([&] { other.run_checked(other.list("secrets", ""), test.in(20s)); });
  CHECK(begins(forbidden.message(), "not allowed on the cluster of context "));
  CHECK(forbidden.message().find("cannot list resource \"secrets\"") != std::string::npos);
  CHECK(forbidden.code() == ExitCode::preflight);

  limited.kubeconfig = test.kubeconfig_with_user({{"token", "wrong"}});
  const Kubectl nobody(test.runner, limited, test.name_space);
  for (const Command& command : {nobody.version(), nobody.list("pods", ""), nobody.apply(secret("a", "b"))}) {
    const Error error = error_of([&] { nobody.run_checked(command, test.in(20s)); });
    CHECK_MESSAGE(error.message().find("refuses the login") != std::string::npos, error.message());
    CHECK(error.code() == ExitCode::preflight);
  }

  limited.kubeconfig = test.kubeconfig_with_user({{"token", text}}, {{"server", test.cluster.server}});
  const Kubectl untrusting(test.runner, limited, test.name_space);
  const Error untrusted = error_of([&] { untrusting.run_checked(untrusting.list("pods", ""), test.in(20s)); });
  CHECK(begins(untrusted.message(), "no trusted connection to the cluster of context "));
  CHECK(untrusted.code() == ExitCode::preflight);
}

TEST_CASE("a watch tells what happens, as documents") {
  TestCluster test("watch");
  if (test.absent) return;
  test.create(redis_pod("before"));
  const auto watch = test.runner.start(test.kubectl->watch("pods", ""));
  const std::array<Process*, 1> processes = {watch.get()};
  WatchParser parser;
  std::vector<json> events;
  const auto seen = [&](const std::string& type, const std::string& name) {
    for (const json& event : events) {
      if (event["type"] == type && event["object"]["metadata"]["name"] == name) return true;
    }
    return false;
  };
  const auto wait_for = [&](const std::string& type, const std::string& name) {
    const TimePoint until = test.in(60s);
    while (!seen(type, name)) {
      REQUIRE_FALSE(watch->finished());
      REQUIRE(test.runner.wait(processes, until));
      for (json& event : parser.take(watch->out())) events.push_back(std::move(event));
    }
    CHECK(true);
  };
  wait_for("ADDED", "before");
  test.create(redis_pod("after"));
  wait_for("ADDED", "after");
  wait_for("MODIFIED", "after");
  test.run_checked(test.kubectl->remove({"pod/before"}, 60));
  wait_for("DELETED", "before");
}

TEST_CASE("a port-forward carries Redis, and is replaced on its port when it dies") {
  TestCluster test("forward");
  if (test.absent) return;
  test.create(redis_pod("redis"));
  test.wait_until_ready("redis");
  HiredisConnector connector(test::real_runner());
  PortForward forward(test.runner, *test.kubectl, "redis", 6379);
  const int port = forward.wait_ready(test.in(20s));
  CHECK(checked(*connect_redis(connector, {"127.0.0.1", port, "", {}}, 5s), {"PING"}).text == "PONG");

  forward.process()->end();
  CHECK(forward.finished());
  CHECK(forward.port() == 0);
  CHECK(forward.wait_ready(test.in(20s)) == port);
  const auto redis = connect_redis(connector, {"127.0.0.1", port, "", {}}, 5s);
  CHECK(parse_info(checked(*redis, {"INFO", "server"}).text).count("redis_version") == 1);

  // nobody listens on that port of the pod: kubectl takes the connection, and ends
  PortForward closed(test.runner, *test.kubectl, "redis", 6390);
  const int dead = closed.wait_ready(test.in(20s));
  CHECK_THROWS_AS(connect_redis(connector, {"127.0.0.1", dead, "", {}}, 5s), Error);
  const std::array<Process*, 1> processes = {closed.process()};
  while (!closed.finished()) REQUIRE(test.runner.wait(processes, test.in(20s)));
  CHECK(closed.port() == 0);
  CHECK(closed.last_error().find("lost connection to pod") != std::string::npos);

  PortForward nowhere(test.runner, *test.kubectl, "no-such-pod", 6379);
  CHECK(error_of([&] { nowhere.wait_ready(test.in(20s)); }).message() ==
        "kubectl port-forward: pods \"no-such-pod\" not found");
}

TEST_CASE("the last lines of a log") {
  TestCluster test("logs");
  if (test.absent) return;
  test.create(redis_pod("redis"));
  test.wait_until_ready("redis");
  CHECK(test.run_checked(test.kubectl->logs("redis", "redis", 5, false)).out.find("Ready to accept connections") !=
        std::string::npos);
  CHECK(error_of([&] { test.run_checked(test.kubectl->logs("redis", "redis", 5, true)); }).message() ==
        "kubectl logs: previous terminated container \"redis\" in pod \"redis\" not found");
}

}  // namespace raibid::tools_kubectl_test
