#include "base/error.hpp"
#include "base/strings.hpp"
#include "support/test_cluster.hpp"
#include "sys/early_child.hpp"
#include "sys/files.hpp"
#include "tools/helm.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

namespace raibid::tools_helm_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// Real Helm and a chart whose pod never becomes Ready.
struct HelmOnCluster : TestCluster {
  explicit HelmOnCluster(const std::string& name) : TestCluster(name) {
    fs::create_directories(folder.path() / "chart/templates");
    write("Chart.yaml", "apiVersion: v2\nname: small\nversion: 0.1.0\n");
    write("values.yaml", "text: chart\n");
    write("templates/all.yaml", R"(apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data:
  text: "{{ .Values.text }}"
{{- if .Values.more }}
  more: "yes"
{{- end }}
---
apiVersion: v1
kind: Pod
metadata: {name: "{{ .Release.Name }}"}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: none, image: "no-such-host.invalid/none:1"}]
)");
  }

  void write(const std::string& name, const std::string& content) {
    write_atomic(folder.path() / "chart" / name, content);
  }

  struct Program {
    std::string path;
    std::unique_ptr<Helm> helm;
    int major;
  };
  std::vector<Program> programs() {
    std::vector<Program> all;
    if (helm_programs().empty()) MESSAGE("skipped: no HELM3, no HELM4, no helm on PATH");
    for (const auto& [path, known] : helm_programs()) {
      Command version = Helm::version();
      version.argv.front() = path;
      const int major = Helm::parse_version(version, run(runner, version, in(20s))).major;
      all.push_back({path, std::make_unique<Helm>(runner, cluster, name_space, major), major});
    }
    return all;
  }

  Output run_with(const Program& program, Command command) {
    command.argv.front() = program.path;
    return program.helm->run_checked(command, in(60s));
  }

  /// Installs or upgrades; the revision.
  int apply(const Program& program, const std::string& release, const std::string& values) {
    const Command command = program.helm->upgrade_install({.release = release,
                                                           .chart = {(folder.path() / "chart").string(), "", ""},
                                                           .values = values,
                                                           .values_files = {},
                                                           .sets = {},
                                                           .labels = {{"raibid-cli", "yes"}}});
    return Helm::parse_revision(command, run_with(program, command));
  }

  json records(const std::string& release) {
    const Command command = kubectl->release_records(release);
    return Kubectl::parse_release_records(command, run(runner, command, in(20s)));
  }

  std::string text(const std::string& release) { return get("configmap/" + release)["data"]["text"]; }

  void change_by_hand(const std::string& release) {
    Command command = kubectl->get({"configmap/" + release});
    command.api = nullptr;  // what follows is for kubectl itself
    command.argv = {"kubectl",
                    "--kubeconfig",
                    kubeconfig,
                    "-n",
                    name_space,
                    "patch",
                    "configmap/" + release,
                    "-p",
                    R"({"data":{"text":"hand"}})"};
    run_checked(command);
  }

  TemporaryDirectory folder{fs::temp_directory_path()};
};

Error error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  return Error(ExitCode::ok, "no error");
}

}  // namespace

TEST_CASE("a release's life, with each Helm") {
  HelmOnCluster test("helm");
  if (test.absent) return;
  for (const auto& program : test.programs()) {
    CAPTURE(program.path);
    const std::string release = "life-" + std::to_string(program.major);
    const auto start = test.clock.now();
    CHECK(test.apply(program, release, "text: one\nmore: true\n") == 1);
    CHECK(test.clock.now() - start < 30s);  // the pod never becomes Ready: nobody waited for it
    CHECK(test.text(release) == "one");
    CHECK(test.get("configmap/" + release)["data"].contains("more"));

    CHECK(test.apply(program, release, "text: two\n") == 2);
    CHECK_FALSE(test.get("configmap/" + release)["data"].contains("more"));
    // values that are empty are the chart's, not the last ones
    CHECK(test.apply(program, release, "") == 3);
    CHECK(test.text(release) == "chart");

    const json records = test.records(release);
    REQUIRE(records.size() == 3);
    CHECK(records[2]["version"] == "3");
    CHECK(records[2]["status"] == "deployed");
    CHECK(records[1]["status"] == "superseded");
    CHECK(records[2]["raibid-cli"] == "yes");
    CHECK(trim(test.run_with(program, program.helm->get_values(release)).out) == "null");

    test.run_with(program, program.helm->rollback(release, 1));
    CHECK(test.text(release) == "one");
    CHECK(json::parse(test.run_with(program, program.helm->get_values(release)).out) ==
          json{{"text", "one"}, {"more", true}});

    for (int i = 0; i < 2; ++i) test.run_with(program, program.helm->uninstall(release));
    CHECK(test.records(release).empty());
    CHECK(test.get("configmap/" + release).is_null());
  }
}

TEST_CASE("what was changed by hand is taken back, in an upgrade and in a rollback") {
  HelmOnCluster test("drift");
  if (test.absent) return;
  for (const auto& program : test.programs()) {
    CAPTURE(program.path);
    const std::string release = "drift-" + std::to_string(program.major);
    test.apply(program, release, "text: one\n");
    test.change_by_hand(release);
    REQUIRE(test.text(release) == "hand");
    test.apply(program, release, "text: two\n");
    CHECK(test.text(release) == "two");
    test.change_by_hand(release);
    test.run_with(program, program.helm->rollback(release, 1));
    CHECK(test.text(release) == "one");
  }
}

TEST_CASE("a release goes from one major to the other and back") {
  HelmOnCluster test("majors");
  if (test.absent) return;
  const auto programs = test.programs();
  if (programs.size() < 2) {
    MESSAGE("skipped: needs HELM3 and HELM4");
    return;
  }
  int revision = 0;
  for (const std::size_t turn : {0u, 1u, 0u, 1u, 1u, 0u}) {
    const std::string text = "turn-" + std::to_string(++revision);
    if (revision > 1) test.change_by_hand("majors");
    // a key that comes and goes: the one major removes what the other has made
    CHECK(test.apply(programs[turn], "majors", "text: " + text + (revision % 2 == 0 ? "\n" : "\nmore: true\n")) ==
          revision);
    CHECK(test.text("majors") == text);
    CHECK(test.get("configmap/majors")["data"].contains("more") == (revision % 2 == 1));
  }
  test.run_with(programs[1], programs[1].helm->rollback("majors", 1));
  CHECK(test.text("majors") == "turn-1");
}

TEST_CASE("no right to read a release is not the same as no release") {
  HelmOnCluster test("denied");
  if (test.absent) return;
  test.create({{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", {{"name", "limited"}}}});
  Command token = test.kubectl->get({"sa/limited"});
  token.api = nullptr;  // what follows is for kubectl itself
  token.argv = {"kubectl", "--kubeconfig", test.kubeconfig, "-n", test.name_space, "create", "token", "limited"};
  Cluster limited = test.cluster;
  limited.kubeconfig = test.kubeconfig_with_user({{"token", std::string(trim(test.run_checked(token).out))}});
  for (const auto& program : test.programs()) {
    CAPTURE(program.path);
    const std::string release = "denied-" + std::to_string(program.major);
    test.apply(program, release, "");
    const Helm helm(test.runner, limited, test.name_space, program.major);
    for (Command command : {helm.uninstall(release), helm.get_values(release), helm.rollback(release, 1)}) {
      command.argv.front() = program.path;
      const Error error = error_of([&] { helm.run_checked(command, test.in(60s)); });
      CHECK(error.message().find("not allowed on the cluster of context") == 0);
      CHECK(error.code() == ExitCode::preflight);
    }
    CHECK(test.records(release).size() == 1);
  }
}

TEST_CASE("what stands in the way of an install") {
  HelmOnCluster test("obstacles");
  if (test.absent) return;
  for (const auto& program : test.programs()) {
    CAPTURE(program.path);
    const std::string release = "foreign-" + std::to_string(program.major);
    test.create(
        {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", release}}}, {"data", {{"text", "mine"}}}});
    const Error foreign = error_of([&] { test.apply(program, release, ""); });
    CHECK(foreign.message().find("a resource of this name is not of this release: ") == 0);
    CHECK(foreign.code() == ExitCode::preflight);
    CHECK(test.text(release) == "mine");

    Command install = program.helm->upgrade_install({.release = "lost",
                                                     .chart = {(test.folder.path() / "chart").string(), "", ""},
                                                     .values = "",
                                                     .values_files = {},
                                                     .sets = {},
                                                     .labels = {}});
    *(std::find(install.argv.begin(), install.argv.end(), "-n") + 1) = "no-such-namespace";
    const Error lost = error_of([&] { test.run_with(program, install); });
    CHECK(lost.message() == "helm upgrade: create: failed to create: namespaces \"no-such-namespace\" not found");
  }
}

TEST_CASE(
    "a helm that was started early installs when it has its chart and values, and nothing when its input just ends") {
  HelmOnCluster test("early");
  if (test.absent) return;
  for (const auto& program : test.programs()) {
    CAPTURE(program.path);
    for (const bool abandoned : {true, false}) {
      const fs::path chart = test.folder.path() / "later";
      fs::remove_all(chart);
      fs::create_directory(chart);
      const std::string release = "early-" + std::to_string(program.major);
      Command install = program.helm->upgrade_install({.release = release,
                                                       .chart = {chart.string(), "", ""},
                                                       .values = abandoned ? "" : "text: given\n",
                                                       .values_files = {},
                                                       .sets = {},
                                                       .labels = {}});
      install.argv.front() = program.path;
      EarlyChild early(test.runner, install);
      if (!abandoned) fs::copy(test.folder.path() / "chart", chart, fs::copy_options::recursive);
      const std::unique_ptr<Process> helm = early.act();
      const Output output = finish(test.runner, *helm, test.in(60s));
      INFO(output.err);
      CHECK(output.ok() == !abandoned);
      if (abandoned) {
        CHECK(output.err.find("Chart.yaml") != std::string::npos);
        CHECK(test.records(release).empty());
        CHECK(test.get("configmap/" + release).is_null());
      } else {
        CHECK(test.text(release) == "given");
      }
    }
    test.run_with(program, program.helm->uninstall("early-" + std::to_string(program.major)));
  }
}

TEST_CASE("a helm that was killed midway is told from one that runs, and both can be undone") {
  HelmOnCluster test("killed");
  if (test.absent) return;
  test.write("templates/hook.yaml", R"({{ if .Values.hang }}
apiVersion: v1
kind: Pod
metadata: {name: "{{ .Release.Name }}-hook", annotations: {"helm.sh/hook": "pre-install,pre-upgrade"}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: none, image: "no-such-host.invalid/none:1"}]
{{ end }})");
  for (const auto& program : test.programs()) {
    CAPTURE(program.path);
    const std::string release = "killed-" + std::to_string(program.major);
    test.apply(program, release, "text: one\n");
    Command hanging = program.helm->upgrade_install({.release = release,
                                                     .chart = {(test.folder.path() / "chart").string(), "", ""},
                                                     .values = "text: two\nhang: true\n",
                                                     .values_files = {},
                                                     .sets = {},
                                                     .labels = {}});
    hanging.argv.front() = "timeout";
    hanging.argv.insert(hanging.argv.begin() + 1, {"-s", "KILL", "5", program.path});
    CHECK_FALSE(run(test.runner, hanging, test.in(30s)).ok());
    CHECK(test.records(release).back()["status"] == "pending-upgrade");
    const Error busy = error_of([&] { test.apply(program, release, "text: three\n"); });
    CHECK(busy.message() == "helm upgrade: another operation (install/upgrade/rollback) is in progress");
    CHECK(busy.hint().find("uninstall RELEASE") != std::string::npos);
    test.run_with(program, program.helm->rollback(release, 1));
    CHECK(test.apply(program, release, "text: four\n") == 4);
    CHECK(test.text(release) == "four");
    test.run_with(program, program.helm->uninstall(release));
  }
}

}  // namespace raibid::tools_helm_test
