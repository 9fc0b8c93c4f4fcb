#include <doctest/doctest.h>

#include <sys/stat.h>

#include <fmt/format.h>

#include <fstream>

#include "base/json.hpp"
#include "base/strings.hpp"
#include "cluster/support.hpp"

/// Ways to the cluster that are not an administrator's kubeconfig on the same desk.

namespace raibid::ways_test {

namespace {

using namespace raibid::test;
using nlohmann::json;
namespace fs = std::filesystem;

/// The test cluster's kubeconfig with another user.
fs::path kubeconfig_as(const fs::path& folder, const json& user) {
  json config = parse_json(kubectl({"config", "view", "--raw", "--minify", "-o", "json"}));
  config["users"][0]["user"] = user;
  const fs::path path = folder / "kubeconfig";
  std::ofstream(path) << config.dump();
  ::chmod(path.c_str(), 0600);
  return path;
}

/// A namespace that an administrator made for someone.
struct Given {
  explicit Given(std::string given) : name(std::move(given)) {
    kubectl({"create", "namespace", name});
    kubectl({"-n", name, "create", "serviceaccount", "deployer"});
  }
  ~Given() {
    kubectl({"delete", "namespace", name, "--ignore-not-found"});
    kubectl({"delete", "clusterrole,clusterrolebinding", "raibid-cli-raibid-redis", "--ignore-not-found"});
  }
  json token() const { return {{"token", std::string(trim(kubectl({"-n", name, "create", "token", "deployer"})))}}; }
  std::string name;
};

void bring_up_and_down(ClusterCli& cli, const std::string& name_space) {
  const Output setup = cli.setup({"--adopt"});
  INFO(said(setup));
  REQUIRE(setup.status == 0);
  const Output again = cli.setup();
  INFO(said(again));
  CHECK(again.status == 0);
  const Output status = cli.status();
  INFO(said(status));
  CHECK(status.status == 0);
  const Output smoke = cli({"smoke", "redis", "-n", name_space});
  INFO(said(smoke));
  CHECK(smoke.status == 0);
  const Output doctor = cli({"doctor", "redis", "-n", name_space});
  INFO(said(doctor));
  CHECK(doctor.status == 0);
  const Output teardown = cli.teardown({"--yes", "--delete-data"});
  INFO(said(teardown));
  CHECK(teardown.status == 0);
}

}  // namespace

TEST_CASE("the Role that doctor prints is enough for setup, status, smoke, doctor and teardown") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-role");  // takes away what an earlier run left
  const Given given("raibid-test-role");
  const Output role = cli({"doctor", "redis", "--role", "-n", given.name});
  REQUIRE(role.status == 0);
  kubectl({"apply", "-f", "-"}, role.out);
  const std::string account = "--serviceaccount=" + given.name + ":deployer";
  kubectl({"-n", given.name, "create", "rolebinding", "deployer", "--role=raibid-cli-raibid-redis", account});
  cli.set("KUBECONFIG", kubeconfig_as(cli.folder(), given.token()));

  SUBCASE("without what is optional") { bring_up_and_down(cli, given.name); }
  SUBCASE("with the ClusterRole, too") {
    kubectl(
        {"create", "clusterrolebinding", "raibid-cli-raibid-redis", "--clusterrole=raibid-cli-raibid-redis", account});
    bring_up_and_down(cli, given.name);
  }
}

TEST_CASE("an account without the rights is told which, and nothing is changed") {
  if (!have_cluster()) return;
  ClusterCli cli("raibid-test-norole");  // takes away what an earlier run left
  const Given given("raibid-test-norole");
  cli.set("KUBECONFIG", kubeconfig_as(cli.folder(), given.token()));
  const Output setup = cli.setup({"--adopt"});
  INFO(said(setup));
  CHECK(setup.status == 3);
  CHECK(setup.err.find("this login may not create secrets") != std::string::npos);
}

TEST_CASE("a credential plugin that takes six seconds is seen, and nothing is rolled back") {
  if (!have_cluster()) return;
  const std::string name_space = "raibid-test-plugin";
  ClusterCli cli(name_space);
  const json admin = parse_json(kubectl({"config", "view", "--raw", "--minify", "-o", "json"}))["users"][0]["user"];
  json status;
  if (admin.contains("token")) status["token"] = admin["token"];
  if (admin.contains("client-certificate-data")) {
    status["clientCertificateData"] = base64_decode(admin["client-certificate-data"].get<std::string>());
    status["clientKeyData"] = base64_decode(admin["client-key-data"].get<std::string>());
  }
  REQUIRE_FALSE(status.empty());
  const json credential = {
      {"apiVersion", "client.authentication.k8s.io/v1"}, {"kind", "ExecCredential"}, {"status", status}};
  const fs::path plugin = cli.folder() / "plugin";
  std::ofstream(cli.folder() / "credential") << credential.dump();
  std::ofstream(plugin) << fmt::format(
      "#!/bin/sh\necho x >> '{0}.runs'\necho 'Open https://login.example/device' >&2\nsleep 6\ncat '{0}'\n",
      (cli.folder() / "credential").string());
  ::chmod(plugin.c_str(), 0700);
  cli.set("KUBECONFIG", kubeconfig_as(cli.folder(), {{"exec",
                                                      {{"apiVersion", "client.authentication.k8s.io/v1"},
                                                       {"command", plugin.string()},
                                                       {"interactiveMode", "IfAvailable"}}}}));
  const Output setup = cli.setup();
  INFO(said(setup));
  CHECK(setup.status == 0);
  CHECK(setup.err.find("Open https://login.example/device\n") < setup.err.find("Cluster "));
  // the first call, the proxy, helm, the port-forward
  CHECK(read_file(cli.folder() / "credential.runs")->size() <= 4 * 2);
  const Output short_of_time = cli.status({"--timeout", "2s"});
  INFO(said(short_of_time));
  CHECK(short_of_time.status == 3);
  CHECK(short_of_time.err.find("did not finish in time") != std::string::npos);
  cli.set("KUBECONFIG", kubeconfig_as(cli.folder(), admin));
  CHECK(cli.teardown({"--yes", "--delete-data"}).status == 0);
}

}  // namespace raibid::ways_test
