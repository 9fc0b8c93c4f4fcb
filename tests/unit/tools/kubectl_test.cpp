#include "tools/kubectl.hpp"
#include "base/error.hpp"
#include "fakes/fake_runner.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

using namespace raibid;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const Cluster dev = {"/home/me/dev.yaml", "k3s-dev", "https://10.0.0.5:6443", "dev", ""};

using Words = std::vector<std::string>;

bool has_word(const Command& command, const std::string& word) {
  return std::find(command.argv.begin(), command.argv.end(), word) != command.argv.end();
}

std::string in_environment(const Command& command, const std::string& name) {
  for (const auto& [key, value] : command.environment) {
    if (key == name) return value;
  }
  return "(not set)";
}

Output said(std::string out, std::string err = {}, int status = 0) {
  return {status, std::move(out), std::move(err), false};
}

/// Every command that a Kubectl makes, by name.
std::vector<std::pair<std::string, Command>> all_commands(const Kubectl& kubectl) {
  const json secret = {{"kind", "Secret"}, {"stringData", {{"redis-password", "geheim"}}}};
  return {{"version", kubectl.version()},
          {"get", kubectl.get({"secret/a", "pod/b"})},
          {"list", kubectl.list("pods", "a=b")},
          {"release_records", kubectl.release_records("r")},
          {"review_rights", kubectl.review_rights({{"get", "", "pods", "", false}})},
          {"apply", kubectl.apply(secret)},
          {"create", kubectl.create(secret)},
          {"remove", kubectl.remove({"pod/b"}, 30)},
          {"remove_exactly", kubectl.remove_exactly("/api/v1/namespaces/ns", "u")},
          {"label", kubectl.label("secret/a", "b=c")},
          {"watch", kubectl.watch("pods", "a=b")},
          {"logs", kubectl.logs("p", "redis", 50, true)},
          {"port_forward", kubectl.port_forward("p", 6379, 0)}};
}

}  // namespace

TEST_CASE("every kubectl names its cluster, context and namespace, and gives no request for ever") {
  FakeRunner runner;
  const Kubectl kubectl(runner, dev, "raibid-redis");
  for (const auto& [name, command] : all_commands(kubectl)) {
    CAPTURE(name);
    const Words start(command.argv.begin(), command.argv.begin() + 7);
    CHECK(start == Words{"kubectl", "--kubeconfig", "/home/me/dev.yaml", "--context", "k3s-dev", "-n", "raibid-redis"});
    const bool stays = name == "watch" || name == "port_forward";
    CHECK(has_word(command, "--request-timeout=10s") == !stays);
    CHECK(in_environment(command, "KUBERC") == "off");
    CHECK(in_environment(command, "GOGC") == "off");
    CHECK(in_environment(command, "GOMEMLIMIT") == (stays ? "64MiB" : "256MiB"));
  }
}

TEST_CASE("the default kubeconfig is left to kubectl") {
  FakeRunner runner;
  const Kubectl kubectl(runner, {"", "k3s-dev", "", "", ""}, "ns");
  CHECK(kubectl.version().argv ==
        Words{"kubectl", "--context", "k3s-dev", "-n", "ns", "--request-timeout=10s", "version", "-o", "json"});
  CHECK(Kubectl::config_view("").argv == Words{"kubectl", "config", "view", "-o", "json"});
  CHECK(Kubectl::config_view("/k").argv == Words{"kubectl", "--kubeconfig", "/k", "config", "view", "-o", "json"});
}

TEST_CASE("what is secret goes through standard input and is in no argument") {
  FakeRunner runner;
  const Kubectl kubectl(runner, dev, "ns");
  for (const auto& [name, command] : all_commands(kubectl)) {
    CAPTURE(name);
    for (const std::string& word : command.argv) CHECK(word.find("geheim") == std::string::npos);
    CHECK((command.input.find("geheim") != std::string::npos) == (name == "apply" || name == "create"));
  }
}

TEST_CASE("apply is server-side, wins, and leaves no annotation; create does not overwrite") {
  FakeRunner runner;
  const Kubectl kubectl(runner, {"", "c", "", "", ""}, "n");
  const json manifest = {{"kind", "Namespace"}};
  CHECK(kubectl.apply(manifest).argv == Words{"kubectl", "--context", "c", "-n", "n", "--request-timeout=10s", "apply",
                                              "--server-side", "--field-manager=raibid-cli", "--force-conflicts",
                                              "--validate=false", "-f", "-"});
  CHECK(json::parse(kubectl.apply(manifest).input) == manifest);
  CHECK(has_word(kubectl.create(manifest), "create"));
}

TEST_CASE("the commands of the other questions") {
  FakeRunner runner;
  const Kubectl kubectl(runner, {"", "c", "", "", ""}, "n");
  const auto tail = [](const Command& command, std::size_t from) {
    return Words(command.argv.begin() + static_cast<long>(from), command.argv.end());
  };
  CHECK(tail(kubectl.get({"secret/a", "pod/b"}), 6) ==
        Words{"get", "secret/a", "pod/b", "--ignore-not-found", "-o", "json"});
  CHECK(tail(kubectl.list("pods,services", "a=b"), 6) == Words{"get", "pods,services", "-o", "json", "-l", "a=b"});
  CHECK(tail(kubectl.list("nodes", ""), 6) == Words{"get", "nodes", "-o", "json"});
  CHECK(tail(kubectl.remove({"pod/b"}, 30), 6) ==
        Words{"delete", "pod/b", "--ignore-not-found", "--wait=true", "--timeout=30s"});
  const Command exactly = kubectl.remove_exactly("/api/v1/namespaces/ns/secrets/a", "u-1");
  CHECK(tail(exactly, 6) == Words{"delete", "--raw", "/api/v1/namespaces/ns/secrets/a", "-f", "-"});
  CHECK(json::parse(exactly.input).at("preconditions") == json{{"uid", "u-1"}});
  CHECK(tail(kubectl.label("secret/a", "b=c"), 6) == Words{"label", "secret/a", "b=c", "--overwrite"});
  CHECK(tail(kubectl.watch("events", ""), 5) == Words{"get", "events", "-w", "-o", "json", "--output-watch-events"});
  CHECK(tail(kubectl.logs("p", "redis", 50, true), 6) ==
        Words{"logs", "p", "-c", "redis", "--tail=50", "--limit-bytes=1048576", "--previous"});
  CHECK(tail(kubectl.port_forward("p", 6379, 0), 5) ==
        Words{"port-forward", "--address", "127.0.0.1", "pod/p", ":6379"});
  CHECK(tail(kubectl.port_forward("p", 6379, 33000), 5).back() == "33000:6379");
}

TEST_CASE("a command line for people can be pasted into a shell") {
  FakeRunner runner;
  const Kubectl kubectl(runner, {"/home/me/my config", "k3s-dev", "", "", ""}, "n");
  CHECK(kubectl.for_people({"get", "pods"}) ==
        "kubectl --kubeconfig '/home/me/my config' --context k3s-dev -n n get pods");
}

TEST_CASE("get answers a list, one object, or nothing") {
  const Command command = {{"kubectl", "get"}, {}, {}};
  CHECK(Kubectl::parse_items(command, said("")) == json::array());
  CHECK(Kubectl::parse_items(command, said(R"({"kind":"List","items":[{"kind":"Pod"},{"kind":"Secret"}]})")).size() ==
        2);
  CHECK(Kubectl::parse_items(command, said(R"({"kind":"List","items":[]})", "No resources found in n namespace.\n"))
            .empty());
  const json one = Kubectl::parse_items(command, said(R"({"kind":"Secret","data":{"a":"Yg=="}})"));
  REQUIRE(one.size() == 1);
  CHECK(one[0]["kind"] == "Secret");
}

TEST_CASE("warnings on stderr do not disturb an answer") {
  const std::string warning =
      "WARNING: version difference between client (1.31) and server (1.34) exceeds the supported minor version skew of "
      "+/-1\n";
  const auto versions = Kubectl::parse_version(
      {}, said(R"({"clientVersion":{"gitVersion":"v1.31.9"},"serverVersion":{"gitVersion":"v1.34.4+k3s1"}})", warning));
  CHECK(versions.client == "1.31.9");
  CHECK(versions.server == "1.34.4+k3s1");
}

TEST_CASE("an answer that is not JSON, or fails, is an error even when something was printed") {
  const Command command = {{"kubectl", "get"}, {}, {}};
  CHECK_THROWS_AS(Kubectl::parse_items(command, said("apiVersion: v1\n")), Error);
  CHECK_THROWS_AS(
      Kubectl::parse_items(command, said(R"({"kind":"List","items":[]})", "Error from server (Forbidden): no\n", 1)),
      Error);
  CHECK_THROWS_AS(Kubectl::parse_version({}, said("[1", "", 0)), Error);
}

TEST_CASE("the revisions of a release, oldest first, with their labels") {
  // kubectl sorts by name: v10 stands before v2
  const std::string table =
      "sh.helm.release.v1.r.v10   helm.sh/release.v1   1     3s    "
      "managed-by=raibid-cli,modifiedAt=1795252813,name=r,owner=helm,status=deployed,version=10\n"
      "sh.helm.release.v1.r.v2    helm.sh/release.v1   1     27d   "
      "modifiedAt=1795252788,name=r,owner=helm,status=superseded,version=2\n";
  const json records = Kubectl::parse_release_records({}, said(table));
  REQUIRE(records.size() == 2);
  CHECK(records[0]["version"] == "2");
  CHECK(records[1]["version"] == "10");
  CHECK(records[1]["status"] == "deployed");
  CHECK(records[1]["managed-by"] == "raibid-cli");
  CHECK(Kubectl::parse_release_records({}, said("", "No resources found in n namespace.\n")).empty());
}

TEST_CASE("the records of all namespaces say which one each is of") {
  FakeRunner runner;
  const Command command = Kubectl(runner, dev, "").release_records_everywhere("a=b");
  CHECK(std::find(command.argv.begin(), command.argv.end(), "owner=helm,a=b") != command.argv.end());
  const std::string table =
      "jobs    sh.helm.release.v1.r.v1   helm.sh/release.v1   1     9m   "
      "name=r,owner=helm,status=superseded,version=1\n"
      "caches  sh.helm.release.v1.r.v3   helm.sh/release.v1   1     5m   name=r,owner=helm,status=deployed,version=3\n";
  const json records = Kubectl::parse_release_records(command, said(table));
  REQUIRE(records.size() == 2);
  CHECK(records[0]["namespace"] == "jobs");
  CHECK(records[1]["namespace"] == "caches");
  CHECK(records[1]["version"] == "3");
}

TEST_CASE("objects of all namespaces, by label and by field") {
  FakeRunner runner;
  const std::vector<std::string> words = Kubectl(runner, dev, "").list_everywhere("secrets", "a=b", "type=Opaque").argv;
  const auto follows = [&](const char* flag, const char* value) {
    const auto found = std::find(words.begin(), words.end(), flag);
    return found != words.end() && found + 1 != words.end() && *(found + 1) == value;
  };
  CHECK(follows("-l", "a=b"));
  CHECK(follows("--field-selector", "type=Opaque"));
  CHECK(std::find(words.begin(), words.end(), "--all-namespaces") != words.end());
}

TEST_CASE("rights are asked in one request and those refused come back") {
  FakeRunner runner;
  const Kubectl kubectl(runner, dev, "ns");
  const std::vector<Kubectl::Right> rights = {{"create", "", "secrets", "", false},
                                              {"create", "", "namespaces", "", true},
                                              {"create", "", "pods", "portforward", false}};
  const Command command = kubectl.review_rights(rights);
  const json list = json::parse(command.input);
  REQUIRE(list["items"].size() == 3);
  CHECK(list["items"][0]["spec"]["resourceAttributes"]["namespace"] == "ns");
  CHECK_FALSE(list["items"][1]["spec"]["resourceAttributes"].contains("namespace"));
  CHECK(list["items"][2]["spec"]["resourceAttributes"]["subresource"] == "portforward");

  const std::string yes =
      "{\n    \"kind\": \"SelfSubjectAccessReview\",\n    \"status\": {\n        \"allowed\": true\n    }\n}\n";
  const std::string no =
      "{\n    \"kind\": \"SelfSubjectAccessReview\",\n    \"status\": {\n        \"allowed\": false\n    }\n}\n";
  const auto refused = Kubectl::parse_refused(rights, command, said(yes + no + yes));
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].resource == "namespaces");
  CHECK_THROWS_AS(Kubectl::parse_refused(rights, command, said(yes + no)), Error);
}

TEST_CASE("run_checked hands back what was said, and explains a failure") {
  FakeRunner runner;
  const Kubectl kubectl(runner, dev, "ns");
  runner.expect(argv_has({"version"}), said("{}"));
  CHECK(kubectl.run_checked(kubectl.version(), runner.now() + 5s).out == "{}");
  runner.expect(argv_has({"apply"}), said("", "Error from server (NotFound): namespaces \"ns\" not found\n", 1));
  try {
    kubectl.run_checked(kubectl.apply({{"kind", "Secret"}}), runner.now() + 5s);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.message() == "kubectl apply: namespaces \"ns\" not found");
    CHECK(error.code() == ExitCode::failure);
  }
}
