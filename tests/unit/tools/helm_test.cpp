#include "tools/helm.hpp"
#include "base/error.hpp"
#include "fakes/fake_runner.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace raibid::helm_test {

using namespace std::chrono_literals;

namespace {

using Words = std::vector<std::string>;

const Cluster dev = {"/home/me/dev.yaml", "k3s-dev", "https://10.0.0.5:6443", "dev", ""};

Output said(std::string out, std::string err = {}, int status = 0) {
  return {status, std::move(out), std::move(err), false};
}

std::string in_environment(const Command& command, const std::string& name) {
  for (const auto& [key, value] : command.environment) {
    if (key == name) return value;
  }
  return "(not set)";
}

Helm::Install install() {
  return {.release = "raibid-redis",
          .chart = {.reference = "/tmp/chart", .repository = "", .version = ""},
          .values = "auth: {}\n",
          .values_files = {"mine.yaml"},
          .sets = {"a=b,c"},
          .labels = {{"app", "x"}, {"managed-by", "raibid-cli"}}};
}

Error version_refused(const Output& output) {
  try {
    Helm::parse_version(Helm::version(), output);
  } catch (const Error& error) {
    return error;
  }
  return Error(ExitCode::ok, "no error");
}

}  // namespace

TEST_CASE("every helm names its cluster, context and namespace; HELM_ variables cannot say otherwise") {
  FakeRunner runner;
  const Helm helm(runner, dev, "ns");
  for (const Command& command : {helm.upgrade_install(install()), helm.render(install()), helm.uninstall("r"),
                                 helm.rollback("r", 2), helm.get_values("r"), helm.show_chart({"c", "", ""})}) {
    const Words start(command.argv.begin(), command.argv.begin() + 7);
    CHECK(start == Words{"helm", "--kubeconfig", "/home/me/dev.yaml", "--kube-context", "k3s-dev", "-n", "ns"});
    CHECK(in_environment(command, "HELM_DRIVER") == "secret");
    CHECK(in_environment(command, "HELM_KUBEAPISERVER") == "");
    CHECK(in_environment(command, "HELM_KUBETOKEN") == "");
  }
}

TEST_CASE("upgrade --install: values through standard input, ours before the user's") {
  FakeRunner runner;
  const Helm helm(runner, {"", "c", "", "", ""}, "n");
  const Command command = helm.upgrade_install(install());
  CHECK(command.argv == Words{"helm",
                              "--kube-context",
                              "c",
                              "-n",
                              "n",
                              "upgrade",
                              "--install",
                              "raibid-redis",
                              "/tmp/chart",
                              "--reset-values",
                              "--history-max=10",
                              "--disable-openapi-validation",
                              "--labels",
                              "app=x,managed-by=raibid-cli",
                              "-f",
                              "-",
                              "-f",
                              "mine.yaml",
                              "--set",
                              "a=b,c"});
  CHECK(command.input == "auth: {}\n");
}

TEST_CASE("only Helm 4 is told how to apply, and none to wait") {
  FakeRunner runner;
  for (const int major : {3, 4, 5}) {
    const Helm helm(runner, dev, "n", major);
    for (const Command& command : {helm.upgrade_install(install()), helm.rollback("r", 2)}) {
      const auto count = [&](const std::string& word) {
        return std::count(command.argv.begin(), command.argv.end(), word);
      };
      CHECK(count("--server-side=true") == (major >= 4 ? 1 : 0));
      CHECK(count("--force-conflicts") == (major >= 4 ? 1 : 0));
      CHECK(count("--wait") == 0);
    }
    const Words rendered = helm.render(install()).argv;
    CHECK(std::find(rendered.begin(), rendered.end(), "--force-conflicts") == rendered.end());
  }
}

TEST_CASE("a chart of a repository, with a version") {
  FakeRunner runner;
  const Helm helm(runner, {"", "c", "", "", ""}, "n");
  CHECK(helm.show_chart({"redis", "https://charts.example.com", "23.1.1"}).argv ==
        Words{"helm", "--kube-context", "c", "-n", "n", "show", "chart", "redis", "--repo",
              "https://charts.example.com", "--version", "23.1.1"});
  Helm::Install bare{
      .release = "r", .chart = {"oci://x/redis", "", ""}, .values = "", .values_files = {}, .sets = {}, .labels = {}};
  CHECK(helm.render(bare).argv == Words{"helm", "--kube-context", "c", "-n", "n", "template", "r", "oci://x/redis",
                                        "--include-crds", "--skip-tests", "-f", "-"});
}

TEST_CASE("a values file whose name has a comma or a quote is one file") {
  FakeRunner runner;
  Helm::Install one = install();
  one.values_files = {"a,b.yaml", "a\"b.yaml"};
  const Words argv = Helm(runner, dev, "n").upgrade_install(one).argv;
  CHECK(std::find(argv.begin(), argv.end(), "\"a,b.yaml\"") != argv.end());
  CHECK(std::find(argv.begin(), argv.end(), "\"a\"\"b.yaml\"") != argv.end());
}

TEST_CASE("the other orders") {
  FakeRunner runner;
  const Helm helm(runner, {"", "c", "", "", ""}, "n");
  const auto tail = [](const Command& command) { return Words(command.argv.begin() + 5, command.argv.end()); };
  CHECK(tail(helm.uninstall("r")) == Words{"uninstall", "r"});
  CHECK(tail(helm.rollback("r", 2)) == Words{"rollback", "r", "2", "--history-max=10"});
  CHECK(tail(helm.get_values("r")) == Words{"get", "values", "r", "-o", "json"});
  CHECK(helm.for_people({"uninstall", "r"}) == "helm --kube-context c -n n uninstall r");
}

TEST_CASE("the version of both majors") {
  const HelmVersion three = Helm::parse_version({}, said("v3.17.3+ge4da497\n"));
  CHECK(three.major == 3);
  CHECK(three.minor == 17);
  CHECK(three.text == "3.17.3");
  const HelmVersion four =
      Helm::parse_version({}, said("v4.1.4+g05fa379\n", "WARNING: Kubernetes configuration file is group-readable.\n"));
  CHECK(four.major == 4);
  CHECK(four.text == "4.1.4");
  CHECK(Helm::parse_version({}, said("v3.13.0")).minor == 13);
  CHECK(Helm::parse_version({}, said("v4.0.0-rc.1+g1234567")).text == "4.0.0-rc.1");
  CHECK(Helm::parse_version({}, said("WARNING: something\nv3.18.4\n")).text == "3.18.4");
}

TEST_CASE("a helm that is too old, or none") {
  CHECK(version_refused(said("v3.12.3+g3a31588\n")).message() == "helm 3.12.3 is too old");
  // Helm 2 names its client, then looks for its server part: refused, or still waiting when the time is over
  CHECK(version_refused(said("Client: v2.17.0+ga690bad\n", "Error: could not find tiller\n", 1)).message() ==
        "helm 2.17.0 is too old");
  CHECK(version_refused({143, "Client: v2.17.0+ga690bad\n", "", true}).message() == "helm 2.17.0 is too old");
  const Error other = version_refused(said("Usage: helm [synthesizer options]\n"));
  CHECK(other.message() == "the program `helm` is not Helm: its version is \"Usage: helm [synthesizer options]\"");
  const Error failed = version_refused(said("", "helm: error while loading shared libraries\n", 127));
  CHECK(failed.message().find("shared libraries") != std::string::npos);
  for (const Error& error :
       {version_refused(said("v3.12.3")), other, failed, version_refused(said("v3")), version_refused(said(""))}) {
    CHECK(error.code() == ExitCode::preflight);
    CHECK(error.hint().find("Helm 3.13") != std::string::npos);
  }
}

TEST_CASE("the revision that was made") {
  const std::string text =
      "Release \"r\" has been upgraded. Happy Helming!\nNAME: r\nLAST DEPLOYED: Sat Nov 21 09:15:24 2026\nNAMESPACE: "
      "n\nSTATUS: deployed\n"
      "REVISION: 12\nDESCRIPTION: Upgrade complete\nTEST SUITE: None\nNOTES:\nREVISION: 99\n";
  CHECK(Helm::parse_revision({}, said(text)) == 12);
  CHECK_THROWS_AS(Helm::parse_revision({}, said("NAME: r\n")), Error);
  CHECK_THROWS_AS(Helm::parse_revision({}, said("REVISION: x\n")), Error);
}

TEST_CASE("uninstalling what is not there is done; what could not be read is not") {
  FakeRunner runner;
  const Helm helm(runner, dev, "n");
  runner.expect(argv_has({"uninstall", "r"}),
                said("", "Error: uninstall: Release not loaded: r: release: not found\n", 1));
  CHECK(helm.run_checked(helm.uninstall("r"), runner.now() + 1s).ok());
  const std::string forbidden =
      "Error: uninstall: Release not loaded: r: query: failed to query with labels: secrets is forbidden: User \"x\" "
      "cannot list resource "
      "\"secrets\" in API group \"\" in the namespace \"n\"\n";
  runner.expect(argv_has({"uninstall", "r"}), said("", forbidden, 1));
  CHECK_THROWS_AS(helm.run_checked(helm.uninstall("r"), runner.now() + 1s), Error);
  runner.expect(argv_has({"rollback", "r"}), said("", "Error: release: not found\n", 1));
  CHECK_THROWS_AS(helm.run_checked(helm.rollback("r", 1), runner.now() + 1s), Error);
}

}  // namespace raibid::helm_test
