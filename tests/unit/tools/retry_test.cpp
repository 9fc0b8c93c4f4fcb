#include "tools/retry.hpp"

#include "base/error.hpp"
#include "fakes/fake_runner.hpp"
#include "tools/kubectl.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace raibid::retry_test {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const std::string internal_error =
    "Error from server (InternalError): an error on the server (\"\") has prevented the request from succeeding (get "
    "pods)\n";

struct Scene {
  FakeRunner runner;
  Cluster cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""};
  Kubectl kubectl{runner, cluster, "apps"};
  TimePoint started = runner.now();
  TimePoint in(Duration time) const { return started + time; }
  Duration passed() const { return std::chrono::duration_cast<Duration>(runner.now() - started); }
};

Output failed(const std::string& err) { return {1, "", err, false}; }

}  // namespace

TEST_CASE("what passes is told from what stays") {
  // as the API server, etcd and kubectl 1.31 to 1.35 write them
  for (const char* text :
       {"Error from server (InternalError): an error on the server (\"\") has prevented the request from succeeding",
        "Error from server: etcdserver: request timed out", "Error from server: etcdserver: leader changed",
        "Error from server (TooManyRequests): the server has received too many requests and has asked us to try again "
        "later (get pods)",
        "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
        "Error from server (Timeout): the server was unable to return a response in the time allotted, but may still "
        "be processing the request (get pods)",
        "Error: uninstallation completed with 1 error(s): etcdserver: request timed out"}) {
    CAPTURE(text);
    CHECK(passing_failure(text) == Duration(0));
  }
  for (const char* text : {"Error from server (NotFound): pods \"x\" not found",
                           "Error from server (Forbidden): pods is forbidden: User \"u\" cannot list resource \"pods\"",
                           "Error from server (Conflict): the object has been modified",
                           "error: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: the "
                           "server is currently unable to handle the request",
                           ""}) {
    CAPTURE(text);
    CHECK_FALSE(passing_failure(text));
  }
  CHECK(passing_failure("Error from server (TooManyRequests): too many requests, please try again in 7 seconds") == 7s);
  CHECK(passing_failure("(ServerTimeout): could not be completed at this time, Retry-After: 3") == 3s);
}

TEST_CASE("a question is asked again after an error of the server's own, with a pause") {
  Scene scene;
  scene.runner.expect(argv_has({"get", "pods"}), failed(internal_error));
  scene.runner.expect(argv_has({"get", "pods"}), failed("Error from server: etcdserver: leader changed\n"));
  scene.runner.expect(argv_has({"get", "pods"}), {0, "{}", "", false});
  const Output answer = scene.kubectl.run(scene.kubectl.list("pods", ""), scene.in(60s));
  CHECK(answer.ok());
  CHECK(scene.passed() >= 750ms);  // a quarter of a second, then a half
}

TEST_CASE("a server that says how long to wait is given that time") {
  Scene scene;
  scene.runner.expect(argv_has({"get", "pods"}),
                      failed("Error from server (TooManyRequests): too many requests, try again in 5 seconds\n"));
  scene.runner.expect(argv_has({"get", "pods"}), {0, "{}", "", false});
  CHECK(scene.kubectl.run(scene.kubectl.list("pods", ""), scene.in(60s)).ok());
  CHECK(scene.passed() >= 5s);
}

TEST_CASE("only what may be done twice is done again") {
  const json secret = {{"kind", "Secret"}, {"metadata", {{"name", "s"}}}};
  Scene scene;
  for (const Command& command : {scene.kubectl.create(secret), scene.kubectl.create_and_show(secret),
                                 scene.kubectl.delete_pod("p"), scene.kubectl.api_group("metrics.k8s.io/v1beta1")}) {
    CAPTURE(command.argv.back());
    scene.runner.expect(argv_has({"kubectl"}), failed(internal_error));
    CHECK_FALSE(scene.kubectl.run(command, scene.in(600s)).ok());
  }
  for (const Command& command : {scene.kubectl.apply(secret), scene.kubectl.remove_exactly("/api/v1/x", "uid"),
                                 scene.kubectl.remove({"pod/p"}, 5), scene.kubectl.label("pod/p", "a=b"),
                                 scene.kubectl.begin_removal("namespace/n")}) {
    CAPTURE(command.argv.back());
    scene.runner.expect(argv_has({"kubectl"}), failed(internal_error));
    scene.runner.expect(argv_has({"kubectl"}));
    CHECK(scene.kubectl.run(command, scene.in(600s)).ok());
  }
}

TEST_CASE("asking again ends after half a minute, and at the deadline") {
  for (const Duration limit : {Duration(5s), Duration(600s)}) {
    Scene scene;
    int asked = 0;
    scene.runner.on_wait([&](int) {
      while (asked <= static_cast<int>(scene.runner.calls().size())) {
        scene.runner.expect(argv_has({"get", "pods"}), failed(internal_error));
        ++asked;
      }
    });
    scene.runner.expect(argv_has({"get", "pods"}), failed(internal_error));
    const Command command = scene.kubectl.list("pods", "");
    const Output answer = scene.kubectl.run(command, scene.in(limit));
    CHECK(answer.status == 1);
    CHECK(scene.passed() <= std::min(limit, Duration(30s)));
    CHECK(scene.runner.calls().size() >= 4);
    const Error error = Kubectl::explain(command, answer);
    CHECK(error.code() == ExitCode::preflight);
    CHECK(error.message().find("cannot serve this now") != std::string::npos);
    // what was expected beyond that is not missed
    while (static_cast<std::size_t>(asked) + 1 > scene.runner.calls().size()) scene.runner.start(command);
  }
}

TEST_CASE("a silent cluster is given ten seconds; one that answers slowly twenty answers' time") {
  Scene silent;
  silent.runner.expect_stream(argv_has({"get", "pods"}));
  CHECK(silent.kubectl.ask(silent.kubectl.list("pods", ""), silent.in(300s)).timed_out);
  CHECK(silent.passed() == 10s);

  Scene slow;
  slow.runner.expect(argv_has({"version"})).after(1200ms);
  slow.runner.expect(argv_has({"get", "pods"})).after(14s);
  const std::vector<Output> answers =
      slow.kubectl.ask({slow.kubectl.version(), slow.kubectl.list("pods", "")}, slow.in(300s));
  CHECK(answers[1].ok());
  // a single request may take longer, too, from then on
  const std::vector<std::string> words = slow.kubectl.list("pods", "").argv;
  CHECK(std::find(words.begin(), words.end(), "--request-timeout=24s") != words.end());

  Scene patient;  // --timeout 20m: whoever gives that much time means it
  patient.runner.expect(argv_has({"get", "pods"})).after(35s);
  CHECK(patient.kubectl.ask(patient.kubectl.list("pods", ""), patient.in(20min)).ok());
}

TEST_CASE("a namespace's rights come from one review of the rules") {
  Scene scene;
  const std::vector<Kubectl::Right> rights = {{"create", "", "secrets", ""},
                                              {"create", "", "pods", "portforward"},
                                              {"create", "apps", "statefulsets", ""},
                                              {"watch", "", "events", ""},
                                              {"create", "", "namespaces", "", true}};
  const Command command = scene.kubectl.review_rules({rights.back()});
  const json asked = json::parse(command.input);
  REQUIRE(asked["items"].size() == 2);
  CHECK(asked["items"][0]["spec"]["namespace"] == "apps");

  const json rules = {
      {{"verbs", {"create", "get"}}, {"apiGroups", {""}}, {"resources", {"secrets", "pods/portforward"}}},
      {{"verbs", {"*"}}, {"apiGroups", {"apps"}}, {"resources", {"*"}}},
      {{"verbs", {"watch"}}, {"apiGroups", {""}}, {"resources", {"events"}}, {"resourceNames", {"one"}}},
      {{"verbs", {"*"}}, {"apiGroups", {"*"}}, {"resources", {"*"}}, {"resourceNames", {"other"}}}};
  const auto answer = [&](bool incomplete, bool may_create_namespaces) {
    return Output{
        0,
        json{{"kind", "SelfSubjectRulesReview"}, {"status", {{"resourceRules", rules}, {"incomplete", incomplete}}}}
                .dump() +
            json{{"kind", "SelfSubjectAccessReview"}, {"status", {{"allowed", may_create_namespaces}}}}.dump(),
        "", false};
  };
  const Kubectl::Reviewed whole = Kubectl::parse_rules(rights, command, answer(false, false));
  REQUIRE(whole.refused.size() == 2);
  CHECK(whole.refused[0].resource == "events");  // the rule is for one object alone
  CHECK(whole.refused[1].resource == "namespaces");
  CHECK(whole.unknown.empty());

  const Kubectl::Reviewed partial = Kubectl::parse_rules(rights, command, answer(true, true));
  CHECK(partial.refused.empty());
  REQUIRE(partial.unknown.size() == 1);
  CHECK(partial.unknown[0].resource == "events");
  CHECK_THROWS_AS(Kubectl::parse_rules(rights, command, {0, "", "", false}), Error);
}

TEST_CASE("what a login may not see is told from what failed") {
  Scene scene;
  const Command command = scene.kubectl.get({"namespace/kube-system", "pod/p"});
  // as kubectl 1.35 prints it: what it found, the refusals, exit code 1
  const std::string refusal =
      "Error from server (Forbidden): namespaces \"kube-system\" is forbidden: User \"dev\" cannot get resource "
      "\"namespaces\" in API group \"\" in the namespace \"kube-system\"\n";
  const std::string list = R"({"kind": "List", "items": [{"kind": "Pod", "metadata": {"name": "p"}}]})";
  const Kubectl::Visible visible = Kubectl::parse_visible_items(command, {1, list, refusal, false});
  CHECK(visible.refused == std::vector<std::string>{"namespaces/kube-system"});
  CHECK(visible.items->size() == 1);

  const std::string all =
      "Error from server (Forbidden): nodes is forbidden: User \"dev\" cannot list resource \"nodes\" in API group "
      "\"\" at the cluster scope\n";
  CHECK(Kubectl::parse_visible_items(command, {1, "", all, false}).refused == std::vector<std::string>{"nodes"});
  CHECK_THROWS_AS(Kubectl::parse_visible_items(command, {1, list, refusal + internal_error, false}), Error);
  CHECK_THROWS_AS(Kubectl::parse_visible_items(command, {1, "", "", false}), Error);
  CHECK_THROWS_AS(Kubectl::parse_visible_items(command, {143, "", refusal, true}), Error);
}

TEST_CASE("a proxy that is dead is named as such") {
  Scene scene;
  const Error error = Kubectl::explain(
      scene.kubectl.list("pods", ""),
      failed("Unable to connect to the server: proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused\n"));
  CHECK(error.message().find("the proxy on the way to the cluster of context dev does not answer") == 0);
  CHECK(error.hint().find("HTTPS_PROXY") != std::string::npos);

  // most kubectl commands hide it: then the hint tells that there is one
  Cluster behind{"", "dev", "https://10.0.0.5:6443", "dev", ""};
  const std::string refused =
      "The connection to the server 10.0.0.5:6443 was refused - did you specify the right host or port?\n";
  const auto hint = [&] {
    return Kubectl::explain(Kubectl(scene.runner, behind, "apps").list("pods", ""), failed(refused)).hint();
  };
  CHECK(hint().find("proxy") == std::string::npos);
  behind.proxy = "http://user:secret@127.0.0.1:9";
  CHECK(hint().find("is the proxy http://127.0.0.1:9 running?") != std::string::npos);
  CHECK(hint().find("secret") == std::string::npos);
}

}  // namespace raibid::retry_test
