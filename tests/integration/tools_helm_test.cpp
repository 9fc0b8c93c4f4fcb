#include "base/error.hpp"
#include "support/machine.hpp"
#include "support/tcp_server.hpp"
#include "sys/files.hpp"
#include "tools/helm.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>

namespace raibid::tools_helm_test {

using namespace std::chrono_literals;

namespace {

/// Each real Helm, a small chart, and a kubeconfig whose server is not there.
struct HelmFixture : Machine {
  TemporaryDirectory folder{std::filesystem::temp_directory_path()};
  int port = free_port();
  std::string chart = folder.path() / "chart";
  std::string kubeconfig =
      write("kubeconfig", fmt::format(R"({{"apiVersion": "v1", "kind": "Config", "current-context": "here",
      "clusters": [{{"name": "c", "cluster": {{"server": "https://127.0.0.1:{}"}}}}], "users": [{{"name": "u", "user": {{"token": "t"}}}}],
      "contexts": [{{"name": "here", "context": {{"cluster": "c", "user": "u"}}}}]}})",
                                      port));

  HelmFixture() {
    fs::create_directories(chart + "/templates");
    write("chart/Chart.yaml", "apiVersion: v2\nname: small\nversion: 0.1.0\n");
    write("chart/values.yaml", "a: chart\nb: chart\nc: chart\nd: chart\n");
    write("chart/values.schema.json", R"({"type": "object", "properties": {"d": {"type": "string"}}})");
    write("chart/templates/all.yaml",
          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: small}\ndata: {all: \"{{ .Values.a }} {{ .Values.b }} {{ "
          ".Values.c }} {{ "
          ".Values.d }}\"}\n");
  }

  std::string write(const std::string& name, const std::string& content) {
    write_atomic(folder.path() / name, content);
    return folder.path() / name;
  }

  /// Runs `test` for every Helm there is.
  void for_each_helm(const std::function<void(const Helm& helm)>& test) {
    if (helm_programs().empty()) MESSAGE("skipped: no HELM3, no HELM4, no helm on PATH");
    for (const auto& [path, major] : helm_programs()) {
      CAPTURE(path);
      m_program = path;
      test(Helm(runner, {kubeconfig, "here", "", "", ""}, "apps", major));
    }
  }

  Command with_program(Command command) const {
    command.argv.front() = m_program;
    command.environment.emplace_back("HELM_CACHE_HOME", (folder.path() / "cache").string());
    return command;
  }

  Output answer(const Command& command) { return run(runner, with_program(command), in(60s)); }

  Error failure(const Helm& helm, const Command& command) {
    try {
      helm.run_checked(with_program(command), in(60s));
    } catch (const Error& error) {
      return error;
    }
    return Error(ExitCode::ok, "no error");
  }

  Helm::Install install() const {
    return {.release = "r",
            .chart = {chart, "", ""},
            .values = "",
            .values_files = {},
            .sets = {},
            .labels = {{"managed-by", "raibid-cli"}}};
  }

 private:
  std::string m_program;
};

bool begins(const std::string& text, std::string_view with) { return text.compare(0, with.size(), with) == 0; }

}  // namespace

TEST_CASE_FIXTURE(HelmFixture, "the version of each real Helm") {
  for (const auto& [path, major] : helm_programs()) {
    Command command = Helm::version();
    command.argv.front() = path;
    const HelmVersion version = Helm::parse_version(command, run(runner, command, in(20s)));
    CHECK(version.major >= 3);
    if (major != 0) CHECK(version.major == major);
    CHECK(begins(version.text, fmt::format("{}.{}.", version.major, version.minor)));
  }
}

TEST_CASE_FIXTURE(HelmFixture, "values: the chart's, then ours, then the user's files in order, then --set") {
  for_each_helm([&](const Helm& helm) {
    Helm::Install all = install();
    all.values = "b: ours\nc: ours\nd: ours\n";
    all.values_files = {write("one.yaml", "c: one\nd: one\n"), write("two, \"x\".yaml", "d: two\n")};
    const Output output = helm.run_checked(with_program(helm.render(all)), in(60s));
    CHECK(output.out.find("all: \"chart ours one two\"") != std::string::npos);
    all.sets = {"d=set"};
    CHECK(answer(helm.render(all)).out.find("all: \"chart ours one set\"") != std::string::npos);
    CHECK(answer(helm.render(install())).out.find("all: \"chart chart chart chart\"") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(HelmFixture, "a chart that is there, and those that are not") {
  for_each_helm([&](const Helm& helm) {
    CHECK(answer(helm.show_chart({chart, "", ""})).out.find("name: small") != std::string::npos);
    fs::create_directories(folder.path() / "empty");
    const std::string nowhere = fmt::format("127.0.0.1:{}", port);
    const std::vector<std::pair<Helm::Chart, std::string>> absent = {
        {{"/does/not/exist", "", ""}, "there is no such chart: "},
        {{"./does-not-exist", "", ""}, "there is no such chart: "},
        {{"does-not-exist", "", ""}, "there is no such chart: "},
        {{"no-such-repository/redis", "", ""}, "the chart cannot be found: "},
        {{(folder.path() / "empty").string(), "", ""}, "this is not a complete chart: "},
        {{"oci://" + nowhere + "/charts/redis", "", "1.0.0"}, "the chart cannot be fetched from the registry: "},
        {{"redis", "http://" + nowhere, ""}, "the chart repository cannot be read: "}};
    for (const auto& [reference, message] : absent) {
      for (const Error& error :
           {failure(helm, helm.show_chart(reference)), failure(helm, helm.render({"r", reference, "", {}, {}, {}}))}) {
        CHECK_MESSAGE(begins(error.message(), message), error.message());
        CHECK(error.code() == ExitCode::preflight);
        CHECK(error.hint() != "");
      }
    }
  });
}

TEST_CASE_FIXTURE(HelmFixture, "a repository without the chart, or without that version") {
  const std::string index =
      "apiVersion: v1\nentries:\n  redis:\n  - {apiVersion: v2, name: redis, version: 1.0.0, urls: "
      "[redis-1.0.0.tgz]}\n";
  TcpServer repository([&](TcpServer::Connection& peer) {
    peer.read_until("\r\n\r\n");
    peer.send(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", index.size(), index));
  });
  const std::string url = fmt::format("http://127.0.0.1:{}", repository.port());
  for_each_helm([&](const Helm& helm) {
    CHECK(begins(failure(helm, helm.show_chart({"nope", url, ""})).message(),
                 "the chart cannot be found: chart \"nope\" not found"));
    CHECK(begins(failure(helm, helm.show_chart({"redis", url, "9.9.9"})).message(),
                 "the chart cannot be found: chart \"redis\""));
  });
}

TEST_CASE_FIXTURE(HelmFixture, "values that cannot be used") {
  for_each_helm([&](const Helm& helm) {
    const auto refused = [&](const std::string& values, const std::vector<std::string>& files,
                             const std::vector<std::string>& sets) {
      Helm::Install one = install();
      one.values = values;
      one.values_files = files;
      one.sets = sets;
      const Error error = failure(helm, helm.render(one));
      CHECK(error.code() == ExitCode::usage);
      return error.message();
    };
    CHECK(begins(refused("d: 3\n", {}, {}), "the chart refuses the values: small: "));
    CHECK(begins(refused("d: [\n", {}, {}), "the chart cannot be rendered with these values: failed to parse"));
    CHECK(begins(refused("", {write("text.yaml", "just text")}, {}),
                 "the chart cannot be rendered with these values: failed to parse"));
    CHECK(begins(refused("", {}, {"a.b.c"}),
                 "the chart cannot be rendered with these values: failed parsing --set data"));
    CHECK(begins(refused("", {"/does/not/exist.yaml"}, {}), "a values file cannot be read: open /does/not/exist.yaml"));
    write("chart/templates/fail.yaml", "{{ if eq .Values.a \"fail\" }}{{ fail \"a must not be fail\" }}{{ end }}");
    CHECK(refused("a: fail", {}, {}).find("a must not be fail") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(HelmFixture, "no cluster: both majors take our flags, and ask the server of the kubeconfig only") {
  ::setenv("HELM_KUBEAPISERVER", "https://127.0.0.1:1", 1);
  ::setenv("HELM_KUBETOKEN", "another", 1);
  ::setenv("HELM_NAMESPACE", "another", 1);
  for_each_helm([&](const Helm& helm) {
    for (const Command& command :
         {helm.upgrade_install(install()), helm.rollback("r", 1), helm.uninstall("r"), helm.get_values("r")}) {
      const Error error = failure(helm, command);
      CHECK_MESSAGE(begins(error.message(), "the cluster of context here does not answer: "), error.message());
      CHECK(error.message().find(fmt::format("https://127.0.0.1:{}/", port)) != std::string::npos);
      CHECK(error.code() == ExitCode::preflight);
    }
  });
  for (const char* name : {"HELM_KUBEAPISERVER", "HELM_KUBETOKEN", "HELM_NAMESPACE"}) ::unsetenv(name);
}

}  // namespace raibid::tools_helm_test
