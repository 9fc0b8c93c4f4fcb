#include "tools/api_runner.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "support/fake_api.hpp"
#include "support/machine.hpp"
#include "support/thrown.hpp"
#include "sys/reading_runner.hpp"
#include "sys/timeline.hpp"
#include "tools/api_request.hpp"
#include "tools/failures.hpp"
#include "tools/kubectl.hpp"
#include "tools/retry.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include <csignal>

namespace raibid::api_runner_test {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::ApiAsked;
using test::error_of;
using test::FakeApi;
using test::has;
using test::http_answer;
using test::http_status;

/// Answers every request alike.
FakeApi::Answer always(const std::string& text) {
  return [text](const ApiAsked&, FakeApi::Connection& connection) { return connection.send(text); };
}

const std::string pods =
    R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[)"
    R"({"metadata":{"name":"a","labels":{"x":"]}\"["}}}, {"metadata":{"name":"b"},"spec":{"containers":[{"name":"c"}]}}]})";

/// A run: its runner, and what people were told.
struct Scene {
  Scene(FakeApi::Answer answer, std::string server = "https://10.0.0.5:6443")
      : api(std::move(answer)), cluster{"", "dev", std::move(server), "dev", ""} {
    runner.tell([this](const std::string& text) { told.push_back(text); });
  }
  Output ask(const Command& command) { return run(runner, command, machine.in(20s)); }
  std::vector<fs::path> folders() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(temporary.path())) found.push_back(entry.path());
    return found;
  }

  FakeApi api;
  Machine machine;
  TemporaryDirectory temporary{fs::temp_directory_path()};
  ApiRunner runner{machine.runner, temporary.path()};
  Cluster cluster;
  Kubectl kubectl{runner, cluster, "apps"};
  std::vector<std::string> told;
};

json secret(const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", name}}}, {"data", {{"p", "Z2VoZWlt"}}}};
}

}  // namespace

TEST_CASE("one kubectl proxy serves all questions of a run, and its folder is ours alone") {
  Scene scene(always(http_answer(200, R"({"kind":"Secret","metadata":{"name":"s"}})")));
  for (int i = 0; i < 5; ++i) {
    const Command question = scene.kubectl.get({"secret/a"});
    CHECK(Kubectl::parse_items(question, scene.ask(question)).size() == 1);
  }
  CHECK(scene.api.kubectls().size() == 1);
  CHECK(scene.api.kubectls()[0].starts_with("--context dev proxy --unix-socket="));
  CHECK(scene.api.connections() == 1);  // kept alive
  REQUIRE(scene.folders().size() == 1);
  struct stat folder {};
  REQUIRE(::stat(scene.folders()[0].c_str(), &folder) == 0);
  CHECK((folder.st_mode & 0777) == 0700);
  CHECK(scene.told.empty());
}

TEST_CASE("the proxy ends with its run and leaves no folder") {
  const TemporaryDirectory temporary{fs::temp_directory_path()};
  Scene scene(always(http_answer(200, "{}")));
  int pid = 0;
  {
    ApiRunner runner(scene.machine.runner, temporary.path());
    scene.machine.runner.observe([&](int started, const Command&) { pid = started; });
    run(runner, scene.kubectl.get({"secret/a"}), scene.machine.in(20s));
    REQUIRE(pid > 0);
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) != 0);
  CHECK(fs::is_empty(temporary.path()));
}

TEST_CASE("what a killed run left is removed, and the folder of one that runs is not") {
  const TemporaryDirectory temporary{fs::temp_directory_path()};
  fs::create_directories(temporary.path() / "raibid-api-killed");
  fs::create_directories(temporary.path() / "raibid-other");
  const TemporaryDirectory running{temporary.path(), "api"};
  CHECK_FALSE(fs::exists(temporary.path() / "raibid-api-killed"));
  const TemporaryDirectory another{temporary.path(), "api"};
  CHECK(fs::exists(running.path()));
  CHECK(fs::exists(temporary.path() / "raibid-other"));
}

TEST_CASE("several requests of one command go side by side, and what is not there is left out") {
  Scene scene([](const ApiAsked& asked, FakeApi::Connection& connection) {
    if (has(asked.path, "/secrets/gone"))
      return connection.send(http_status(404, "NotFound", "secrets \"gone\" not found"));
    const std::string name = asked.path.substr(asked.path.rfind('/') + 1);
    return connection.send(
        http_answer(200, json{{"kind", "X"}, {"metadata", {{"name", name.substr(0, name.find('?'))}}}}.dump()));
  });
  const Command question = scene.kubectl.get({"secret/gone", "pod/p", "namespace/n", "statefulset/w"});
  const json items = Kubectl::parse_items(question, scene.ask(question));
  REQUIRE(items.size() == 3);
  CHECK(items[0]["metadata"]["name"] == "p");
  CHECK(items[2]["metadata"]["name"] == "w");
  std::vector<std::string> paths;
  for (const ApiAsked& asked : scene.api.asked()) paths.push_back(asked.path.substr(0, asked.path.find('?')));
  std::sort(paths.begin(), paths.end());
  CHECK(paths == std::vector<std::string>{"/api/v1/namespaces/apps/pods/p", "/api/v1/namespaces/apps/secrets/gone",
                                          "/api/v1/namespaces/n", "/apis/apps/v1/namespaces/apps/statefulsets/w"});
}

TEST_CASE("items of lists get the kind that the API leaves out") {
  Scene scene([](const ApiAsked& asked, FakeApi::Connection& connection) {
    const std::string empty = R"({"kind":"ServiceList","apiVersion":"v1","metadata":{},"items":[]})";
    return connection.send(http_answer(200, has(asked.path, "/pods") ? pods : empty));
  });
  const Command question = scene.kubectl.list("services,pods", "app=x,y!=z");
  const json items = Kubectl::parse_items(question, scene.ask(question));
  REQUIRE(items.size() == 2);
  for (const json& item : items) {
    CHECK(item["kind"] == "Pod");
    CHECK(item["apiVersion"] == "v1");
  }
  CHECK(items[0]["metadata"]["labels"]["x"] == "]}\"[");
  CHECK(has(scene.api.asked()[0].path, "labelSelector=app%3Dx%2Cy%21%3Dz"));
}

TEST_CASE("Helm's records are read from the metadata alone") {
  Scene scene(always(http_answer(
      200, R"({"kind":"PartialObjectMetadataList","items":[)"
           R"({"metadata":{"name":"b","namespace":"n","labels":{"version":"10","status":"deployed"}}},)"
           R"({"metadata":{"name":"a","namespace":"n","labels":{"version":"9","status":"superseded"}}}]})")));
  const Command question = scene.kubectl.release_records_everywhere("a=b");
  const json records = Kubectl::parse_release_records(question, scene.ask(question));
  REQUIRE(records.size() == 2);
  CHECK(records[0]["version"] == "9");
  CHECK(records[1]["status"] == "deployed");
  CHECK(records[1]["namespace"] == "n");
  CHECK(has(scene.api.asked()[0].headers, "as=PartialObjectMetadataList"));
}

TEST_CASE("the server's own path comes before each request") {
  Scene scene(always(http_answer(200, "{}")), "https://rancher.example/k8s/clusters/c-1/");
  scene.ask(scene.kubectl.get({"pod/a"}));
  CHECK(scene.api.asked()[0].path == "/k8s/clusters/c-1/api/v1/namespaces/apps/pods/a?timeout=10s");
}

TEST_CASE("a refusal is the API's own Status") {
  Scene scene(always(http_status(409, "AlreadyExists", "secrets \"s\" already exists")));
  const Command command = scene.kubectl.create(secret("s"));
  const Output output = scene.ask(command);
  REQUIRE(output.failures.size() == 1);
  CHECK(output.failures[0].code == 409);
  CHECK(output.status == 1);
  CHECK(Kubectl::already_exists(output));
  CHECK_FALSE(failed_with(output, "NotFound"));
  CHECK(output.err == "Error from server (AlreadyExists): secrets \"s\" already exists\n");
  CHECK(has(Kubectl::explain(command, output).message(), "secrets \"s\" already exists"));
}

TEST_CASE("login, right, and a cluster that is away are told apart by the answer") {
  struct Case {
    std::string answer, message;
  };
  const std::string cannot =
      "pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" in the namespace \"apps\"";
  for (const Case& one : std::vector<Case>{
           {http_status(401, "Unauthorized", "Unauthorized"), "refuses the login"},
           {http_answer(401, "no", "Audit-Id: 1\r\n"), "refuses the login"},
           {http_status(403, "Forbidden", cannot), "not allowed on the cluster of context dev: User \"u\" cannot list"},
           {http_answer(500, "dial tcp 10.0.0.5:6443: connect: connection refused"), "does not answer: dial tcp"},
           {http_answer(502, "tls: failed to verify certificate: x509: certificate signed by unknown authority"),
            "no trusted connection"},
           {http_answer(500, "getting credentials: exec: executable aws not found"),
            "the credential plugin of context dev failed"},
           {http_answer(200, "<html>welcome</html>"), "is not a Kubernetes API"},
           {http_answer(400, "<html>bad</html>"), "is not a Kubernetes API"}}) {
    CAPTURE(one.answer);
    Scene scene(always(one.answer));
    const Command question = scene.kubectl.list("pods", "");
    const Output output = scene.ask(question);
    CHECK_FALSE(output.ok());
    const Error error = Kubectl::explain(question, output);
    CHECK(error.code() == ExitCode::preflight);
    CHECK_MESSAGE(has(error.message(), one.message), error.message());
  }
}

TEST_CASE("what a webhook says of its own network is not taken for a cluster that is away") {
  Scene scene(always(http_status(400, "BadRequest", "admission webhook \"w\": dial tcp: connection refused")));
  const Command command = scene.kubectl.create(secret("s"));
  CHECK(Kubectl::explain(command, scene.ask(command)).code() == ExitCode::failure);
}

TEST_CASE("a web server that knows no page is not a cluster without the object") {
  Scene scene(always(http_answer(404, "404 page not found")));
  CHECK_FALSE(scene.ask(scene.kubectl.get({"secret/a"})).ok());
}

TEST_CASE("a busy server is asked again when it said so") {
  auto times = std::make_shared<std::vector<TimePoint>>();
  Scene scene([times](const ApiAsked&, FakeApi::Connection& connection) {
    times->push_back(std::chrono::steady_clock::now());
    if (times->size() == 1)
      return connection.send(http_answer(429, "Too many requests", "Audit-Id: 1\r\nRetry-After: 1\r\n"));
    return connection.send(http_answer(200, "{}"));
  });
  CHECK(scene.kubectl.run(scene.kubectl.get({"secret/a"}), scene.machine.in(20s)).ok());
  REQUIRE(times->size() == 2);
  CHECK(times->at(1) - times->at(0) >= 1s);
}

TEST_CASE("which failures pass is told by their code") {
  const auto failed = [](int code, Duration after = {}) {
    return Output{1, {}, "words", false, {{code, "", "", after}}};
  };
  for (const int code : {429, 502, 503, 504}) CHECK(passing_failure(failed(code)) == Duration(0));
  const auto internal = [](const char* reason, const char* words) {
    return Output{1, {}, "", false, {{500, reason, words, {}}}};
  };
  CHECK(passing_failure(internal("InternalError", "failed calling webhook")));
  CHECK(passing_failure(internal("", "etcdserver: request timed out")));
  CHECK_FALSE(passing_failure(internal("", "failed to create typed patch object (apps/s; /v1, Kind=Secret)")));
  CHECK(passing_failure(failed(503, 7s)) == Duration(7s));
  for (const int code : {0, 400, 401, 403, 404, 409, 422, 501}) CHECK_FALSE(passing_failure(failed(code)));
}

TEST_CASE("warnings of the API are lines of standard error") {
  Scene scene(always(
      http_answer(201, "{}", "Warning: 299 - \"would violate \\\"restricted\\\"\"\r\nWarning: 299 - \"old\"\r\n")));
  const Output output = scene.ask(scene.kubectl.try_to_create(secret("s")));
  CHECK(output.ok());
  CHECK(output.err == "Warning: would violate \"restricted\"\nWarning: old\n");
  CHECK(has(scene.api.asked()[0].path, "dryRun=All"));
}

TEST_CASE("an acting command is one request for each object, in order") {
  Scene scene([](const ApiAsked& asked, FakeApi::Connection& connection) {
    if (has(asked.body, "\"one\""))
      return connection.send(http_status(409, "AlreadyExists", "secrets \"one\" already exists"));
    return connection.send(http_answer(201, asked.body));
  });
  const json list = {
      {"apiVersion", "v1"}, {"kind", "List"}, {"items", {secret("one"), secret("two"), secret("three")}}};
  const Output output = scene.ask(scene.kubectl.create_and_show(list));
  CHECK_FALSE(output.ok());
  std::string text = output.out;
  CHECK(WatchParser().take(text).size() == 2);  // it goes on after one that fails
  std::vector<std::string> names;
  for (const ApiAsked& asked : scene.api.asked()) {
    CHECK(asked.method == "POST");
    CHECK(asked.path.starts_with("/api/v1/namespaces/apps/secrets?fieldManager=raibid-cli"));
    names.push_back(json::parse(asked.body)["metadata"]["name"]);
  }
  CHECK(names == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("what is changed is asked as kubectl asks it") {
  Scene scene(always(http_answer(200, "{}")));
  scene.ask(scene.kubectl.apply(secret("s")));
  scene.ask(scene.kubectl.apply_as_helm(secret("s")));
  scene.ask(scene.kubectl.merge("secret/s", {{"data", {{"p", nullptr}}}}));
  scene.ask(scene.kubectl.label("secret/s", "a=b"));
  scene.ask(scene.kubectl.delete_pod("p"));
  scene.ask(scene.kubectl.remove_exactly("/api/v1/namespaces/apps/pods/p", "u-1", 0));
  scene.ask(scene.kubectl.begin_removal("namespace/apps"));
  scene.ask(scene.kubectl.replace_and_show(secret("s")));
  const std::vector<ApiAsked> asked = scene.api.asked();
  REQUIRE(asked.size() == 8);
  const std::string object = "/api/v1/namespaces/apps/secrets/s?";
  CHECK(asked[0].method == "PATCH");
  CHECK(asked[0].path == object + "fieldManager=raibid-cli&force=true&fieldValidation=Ignore&timeout=10s");
  CHECK(has(asked[0].headers, "Content-Type: application/apply-patch+yaml"));
  CHECK(has(asked[1].path, "fieldManager=helm&force=true"));
  CHECK(has(asked[2].headers, "Content-Type: application/merge-patch+json"));
  CHECK(asked[2].body == R"({"data":{"p":null}})");
  CHECK(asked[3].body == R"({"metadata":{"labels":{"a":"b"}}})");
  CHECK(asked[4].method == "DELETE");
  CHECK(json::parse(asked[4].body)["gracePeriodSeconds"] == 1);
  CHECK(json::parse(asked[5].body)["preconditions"]["uid"] == "u-1");
  CHECK(asked[6].path == "/api/v1/namespaces/apps?timeout=10s");
  CHECK(asked[7].method == "PUT");
}

TEST_CASE("a connection that breaks: a question is asked once more, an order is not") {
  auto count = std::make_shared<std::atomic<int>>(0);
  const auto breaks_once = [count](const ApiAsked&, FakeApi::Connection& connection) {
    if ((*count)++ == 0) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half");
      return false;
    }
    return connection.send(http_answer(200, "{}"));
  };
  SUBCASE("a question") {
    Scene scene(breaks_once);
    CHECK(scene.ask(scene.kubectl.get({"secret/a"})).ok());
    CHECK(scene.api.asked().size() == 2);
  }
  SUBCASE("an order") {
    Scene scene(breaks_once);
    const Command order = scene.kubectl.create(secret("s"));
    const Output output = scene.ask(order);
    CHECK_FALSE(output.ok());
    CHECK(has(Kubectl::explain(order, output).message(), "unexpected EOF"));
    CHECK(scene.api.asked().size() == 1);
  }
}

TEST_CASE("a server that is silent is given up after the time of a request") {
  Scene scene([](const ApiAsked&, FakeApi::Connection& connection) {
    connection.hang();
    return false;
  });
  Command question = scene.kubectl.get({"secret/a"});
  auto quick = std::make_shared<ApiRequests>();
  quick->kubectl = question.api->kubectl;
  quick->requests = question.api->requests;
  quick->timeout = 300ms;
  question.api = quick;
  const TimePoint started = scene.machine.clock.now();
  const Output output = scene.ask(question);
  CHECK(scene.machine.clock.now() - started < 10s);
  CHECK_FALSE(output.timed_out);  // it is the answer, not our deadline
  CHECK(has(Kubectl::explain(question, output).message(), "does not answer"));
}

TEST_CASE("our deadline ends a request as it ends a child") {
  Scene scene([](const ApiAsked&, FakeApi::Connection& connection) {
    connection.hang();
    return false;
  });
  const Output output = run(scene.runner, scene.kubectl.get({"secret/a"}), scene.machine.clock.now() + 1s);
  CHECK(output.timed_out);
}

TEST_CASE("a watch says what is there, then what comes, wherever it is split, until the server ends it") {
  const std::string event = R"({"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a"}}})"
                            "\n";
  REQUIRE(event.size() == 0x41);
  bool whole = true;
  SUBCASE("to its end") {}
  SUBCASE("and breaks off") { whole = false; }
  Scene scene([&](const ApiAsked& asked, FakeApi::Connection& connection) {
    if (!has(asked.path, "watch=true")) return connection.send(http_answer(200, pods));
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::string text;
    for (int i = 0; i < 3; ++i) text += "40\r\n" + event.substr(0, 0x40) + "\r\n1\r\n\n\r\n";
    if (whole) text += "0\r\n\r\n";
    for (const char c : text) connection.send(std::string(1, c));
    return whole;
  });
  const std::unique_ptr<Process> watch = scene.runner.start(scene.kubectl.watch("pods", "a=b"));
  Process* const one = watch.get();
  WatchParser parser;
  std::string names;
  const TimePoint until = scene.machine.in(20s);
  while (!watch->finished() && scene.runner.wait({&one, 1}, until)) {
    for (const json& document : parser.take(watch->out())) {
      CHECK(document["type"] == "ADDED");
      CHECK(document["object"]["kind"] == "Pod");
      names += document["object"]["metadata"]["name"];
    }
  }
  CHECK(names == "abaaa");
  REQUIRE(watch->finished());
  CHECK(watch->status() == (whole ? 0 : 1));
  REQUIRE(scene.api.asked().size() == 2);
  CHECK(scene.api.asked()[1].path == "/api/v1/namespaces/apps/pods?labelSelector=a%3Db&watch=true&resourceVersion=7");
}

TEST_CASE("a watch that is refused fails with the API's answer") {
  Scene scene(always(http_status(403, "Forbidden", "pods is forbidden: User \"u\" cannot watch resource \"pods\"")));
  const Output output = scene.ask(scene.kubectl.watch("pods", ""));
  CHECK(output.status == 1);
  CHECK(was_refused(output));
}

TEST_CASE("a deletion that is prepared is sent when it is fed") {
  Scene scene(always(http_answer(200, "{}")));
  Command command = scene.kubectl.remove_when_fed("/api/v1/namespaces/apps/secrets/s");
  command.input = R"({"kind":"DeleteOptions")";
  const std::unique_ptr<Process> process = scene.runner.start(command);
  Process* const one = process.get();
  CHECK_FALSE(scene.runner.wait({&one, 1}, scene.machine.clock.now() + 1s));
  CHECK(scene.api.asked().empty());
  process->feed("}");
  CHECK(finish(scene.runner, *process, scene.machine.in(20s)).ok());
  REQUIRE(scene.api.asked().size() == 1);
  CHECK(scene.api.asked()[0].body == R"({"kind":"DeleteOptions"})");
}

TEST_CASE("a removal is over when the object is gone") {
  auto looks = std::make_shared<std::atomic<int>>(0);
  const std::string object = R"({"kind":"Pod","metadata":{"name":"p","uid":"u-1"}})";
  std::string last = http_status(404, "NotFound", "pods \"p\" not found");
  bool in_time = true;
  SUBCASE("and it goes") {}
  SUBCASE("and another has its name") { last = http_answer(200, R"({"kind":"Pod","metadata":{"uid":"u-2"}})"); }
  SUBCASE("and we may not look") { last = http_status(403, "Forbidden", "no"); }
  SUBCASE("and it stays") {
    last = http_answer(200, object);
    in_time = false;
  }
  Scene scene([looks, object, last](const ApiAsked& asked, FakeApi::Connection& connection) {
    if (asked.method == "DELETE") return connection.send(http_answer(200, object));
    const int look = ++*looks;
    if (look == 1) return connection.send(http_answer(200, object));
    if (look == 2) return connection.send(http_answer(503, "busy", "Audit-Id: 1\r\n"));
    return connection.send(last);
  });
  const Command command = scene.kubectl.remove({"pod/p"}, 2);
  const Output output = scene.ask(command);
  CHECK(output.ok() == in_time);
  CHECK(*looks >= 3);
  CHECK(json::parse(scene.api.asked()[0].body)["propagationPolicy"] == "Background");
  if (!in_time) {
    const Error error = Kubectl::explain(command, output);
    CHECK(has(error.message(), "timed out waiting for the condition on pods/p"));
    CHECK(has(error.hint(), "finalizer"));
  }
}

TEST_CASE("a removal of what is not there is done, and one that is refused is not") {
  Scene scene([](const ApiAsked& asked, FakeApi::Connection& connection) {
    if (has(asked.path, "/secrets/")) return connection.send(http_status(403, "Forbidden", "secrets is forbidden: no"));
    return connection.send(http_status(404, "NotFound", "pods \"p\" not found"));
  });
  CHECK(scene.ask(scene.kubectl.remove({"pod/p", "pod/q"}, 5)).ok());
  const Output output = scene.ask(scene.kubectl.remove({"pod/p", "secret/s"}, 5));
  CHECK_FALSE(output.ok());
  CHECK(was_refused(output));
}

TEST_CASE("the timeline has children, requests and no secret") {
  Scene scene(always(http_status(409, "AlreadyExists", "secrets \"s\" already exists")));
  Timeline timeline(scene.machine.clock);
  scene.runner.record(&timeline);
  scene.ask(scene.kubectl.create(secret("s")));
  scene.ask({{"sh", "-c", "exit 3", "private"}, {}, {}});
  scene.runner.record(nullptr);
  scene.ask(scene.kubectl.get({"secret/a"}));
  const std::string text = timeline.text();
  CAPTURE(text);
  CHECK(has(text, "  kubectl proxy --unix-socket="));
  CHECK(has(text, "  POST /api/v1/namespaces/apps/secrets (secrets \"s\" already exists)\n"));
  CHECK(has(text, "  sh (exit code 3)\n"));
  CHECK_FALSE(has(text, "private"));
  CHECK_FALSE(has(text, "Z2VoZWlt"));
  CHECK_FALSE(has(text, "secrets/a"));
}

TEST_CASE("each helm, kubectl and request is told as it comes, whole, and without what is secret") {
  Scene scene(always(http_answer(200, "{}")));
  Timeline timeline(scene.machine.clock);
  std::vector<std::string> lines;
  timeline.listen([&](Timeline::Kind kind, bool ended, const std::string& text) {
    lines.push_back(std::string(kind == Timeline::Kind::request ? "api" : "run") + (ended ? " ended " : " began ") +
                    text);
  });
  scene.runner.record(&timeline);
  scene.ask(scene.kubectl.create(secret("s")));
  scene.ask(scene.kubectl.list("pods", "app=x"));
  CHECK_THROWS(
      scene.ask({{"/nowhere/helm", "upgrade", "--set", "global.redis.password=hunter2", "--set", "a=b"}, {}, {}}));
  scene.ask({{"sh", "-c", "true", "hunter2"}, {}, {}});
  scene.runner.record(nullptr);
  const std::string text = join(lines, "\n");
  CAPTURE(text);
  CHECK(has(text, "run began "));
  CHECK(has(text, "api began POST /api/v1/namespaces/apps/secrets"));
  CHECK(has(text, "labelSelector="));
  CHECK(has(text, "api ended GET /api/v1/namespaces/apps/pods: "));
  CHECK(has(text, "run ended sh: "));
  CHECK_FALSE(has(text, "hunter2"));
  CHECK_FALSE(has(text, "Z2VoZWlt"));
}

TEST_CASE("where kubectl has no proxy, each question is a kubectl and one line says so") {
  Scene scene(always(http_answer(200, "{}")));
  scene.api.kubectl(R"(
case "$*" in
  *" proxy "*) echo 'error: unknown command "proxy" for "kubectl"' >&2; exit 1;;
  *" delete "*) read -r text; echo "$text" > "$folder/read"; exit 0;;
esac
echo '{"items":[{"metadata":{"name":"a"}}]}'
)");
  for (int i = 0; i < 3; ++i) {
    const Command question = scene.kubectl.get({"secret/a"});
    CHECK(Kubectl::parse_items(question, scene.ask(question)).size() == 1);
  }
  CHECK(scene.api.kubectls().size() == 4);
  REQUIRE(scene.told.size() == 1);
  CHECK(has(scene.told[0], "kubectl proxy cannot be used (unknown command \"proxy\""));
  CHECK(scene.api.asked().empty());
  CHECK(fs::is_empty(scene.temporary.path()));

  Command command = scene.kubectl.remove_when_fed("/api/v1/namespaces/apps/secrets/s");
  command.input = "begin";
  const std::unique_ptr<Process> process = scene.runner.start(command);
  process->feed("-end\n");
  CHECK(finish(scene.runner, *process, scene.machine.in(20s)).ok());
  CHECK(read_file(scene.api.folder() / "read") == "begin-end\n");
}

TEST_CASE("without a folder for its socket there is no proxy") {
  Scene scene(always(http_answer(200, "{}")));
  scene.api.kubectl("echo '{\"items\":[]}'\n");
  for (const std::string& place :
       {scene.temporary.path().string() + "/none", scene.temporary.path().string() + "/" + std::string(90, 'x')}) {
    CAPTURE(place);
    if (place.size() > 90) fs::create_directories(place);
    ApiRunner runner(scene.machine.runner, place);
    std::string told;
    runner.tell([&](const std::string& text) { told = text; });
    CHECK(run(runner, scene.kubectl.get({"secret/a"}), scene.machine.in(20s)).ok());
    CHECK(has(told, "kubectl proxy cannot be used"));
  }
}

TEST_CASE("a broken kubeconfig is kubectl's to explain, and no word is said of the proxy") {
  Scene scene(always(http_answer(200, "{}")));
  scene.api.kubectl("echo 'error: context \"dev\" does not exist' >&2; exit 1\n");
  CHECK_FALSE(scene.ask(scene.kubectl.get({"secret/a"})).ok());
  CHECK(scene.told.empty());
}

TEST_CASE("a proxy that died is started again") {
  Scene scene(always(http_answer(200, "{}", "Connection: close\r\n")));
  int pid = 0;
  ApiRunner runner(scene.machine.runner, scene.temporary.path());
  scene.machine.runner.observe([&](int started, const Command&) { pid = started; });
  CHECK(run(runner, scene.kubectl.get({"secret/a"}), scene.machine.in(20s)).ok());
  for (int i = 0; i < 2; ++i) {
    ::kill(pid, SIGKILL);
    fs::remove_all(scene.folders().at(0) / "api");  // the test's server is behind it, which did not die
    const std::vector<Command> two = {scene.kubectl.get({"secret/a", "secret/b"}), scene.kubectl.create(secret("s"))};
    for (const Output& output : run_all(runner, two, scene.machine.in(20s))) CHECK(output.ok());
  }
  CHECK(scene.api.kubectls().size() == 3);
}

TEST_CASE("one that dies again and again is given up") {
  Scene scene(always(http_answer(200, "{}")));
  scene.api.kubectl(R"(
for word; do
  case $word in --unix-socket=*) echo "Starting to serve on ${word#*=}"; exit 0;; esac
done
echo '{"items":[]}'
)");
  CHECK(scene.ask(scene.kubectl.get({"secret/a"})).ok());
  CHECK(scene.told.size() == 1);
  CHECK(scene.api.kubectls().size() <= 5);
}

TEST_CASE("a dry run asks the API and changes nothing by it") {
  Scene scene(always(http_answer(200, "{}")));
  ReadingRunner reading(scene.runner);
  CHECK(run(reading, scene.kubectl.get({"secret/a"}), scene.machine.in(20s)).ok());
  CHECK_THROWS_AS(reading.start(scene.kubectl.create(secret("s"))), std::logic_error);
  CHECK_THROWS_AS(reading.start(scene.kubectl.begin_removal("pod/p")), std::logic_error);
  CHECK(scene.api.asked().size() == 1);
  REQUIRE(scene.api.asked()[0].method == "GET");
}

TEST_CASE("the observer hears of children, not of the proxy") {
  Scene scene(always(http_answer(200, "{}")));
  int children = 0;
  scene.runner.observe([&](int, const Command&) { ++children; });
  scene.ask(scene.kubectl.get({"secret/a"}));
  scene.ask(scene.kubectl.create(secret("s")));
  CHECK(children == 0);
  scene.ask({{"true"}, {}, {}});
  CHECK(children == 1);
}

TEST_CASE("a kind that is not in our table is left to kubectl") {
  Scene scene(always(http_answer(200, "{}")));
  CHECK(scene.kubectl.get({"secret/a"}).api);
  CHECK_FALSE(scene.kubectl.get({"secret/a", "scaledobject.keda.sh/x"}).api);
  CHECK_FALSE(scene.kubectl.list("pods,widgets", "").api);
  CHECK_FALSE(
      scene.kubectl.apply({{"apiVersion", "apps/v2"}, {"kind", "StatefulSet"}, {"metadata", {{"name", "x"}}}}).api);
  CHECK_FALSE(scene.kubectl.port_forward("p", 6379, 0).api);
}

}  // namespace raibid::api_runner_test
