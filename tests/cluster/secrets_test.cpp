#include <doctest/doctest.h>

#include <fstream>

#include "base/strings.hpp"
#include "cluster/support.hpp"
#include "support/secret_scan.hpp"

namespace raibid::secrets_test {

using namespace raibid::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* known = "Known0Password1Known0Password1Ab";

/// The program with its temporary files in a folder that can be watched, and everything it said.
struct Watched : ClusterCli {
  explicit Watched(const std::string& name_space) : ClusterCli(name_space) {
    fs::create_directories(temporary());
    set("TMPDIR", temporary().string());
    std::ofstream(password_file()) << known << '\n';
  }
  fs::path temporary() const { return folder() / "tmp"; }
  fs::path password_file() const { return folder() / "password"; }

  Output keep(const Output& output) {
    words += output.out + output.err;
    return output;
  }
  std::string words;
};

// All that Kubernetes and Helm tell about the namespace, except the Secrets themselves.
std::string told_by_cluster(const std::string& name_space) {
  std::string text = kubectl(
      {"get", "all,configmaps,persistentvolumeclaims,networkpolicies,events,leases", "-n", name_space, "-o", "yaml"});
  text += kubectl({"get", "secrets", "-n", name_space, "-o", "jsonpath={.items[*].metadata}"});
  text += kubectl({"logs", "-n", name_space, "raibid-redis-master-0", "--all-containers"});
  for (const char* part : {"values", "manifest", "notes", "hooks"})
    text += must({"helm", "get", part, "raibid-redis", "-n", name_space});
  return text;
}

// RAIBID_HOME holds the password in one file.
void check_home(const Watched& cli, const std::string& password) {
  for (const auto& [path, content] : tree(cli.home())) {
    if (path == "redis-credentials.json") continue;
    INFO(path);
    CHECK_FALSE(shows(content, password));
  }
}

void check_scan(SecretScan& scan, const std::string& password) {
  const std::vector<std::string> places = scan.find(password);
  for (const std::string& place : places) MESSAGE(place);
  CHECK(places.empty());
  CHECK(scan.rounds() > 20);
  CHECK(scan.seen() > 50);
}

}  // namespace

TEST_CASE(
    "secrets: none is seen in a process, a temporary file, a release or a word of setup, status, connect, smoke and "
    "teardown") {
  if (!have_cluster()) return;
  ::setenv("KUBECONFIG", ::getenv("RAIBID_TEST_KUBECONFIG"), 1);  // for helm get
  Watched cli("raibid-test-secret");
  SecretScan scan({cli.temporary()});
  const Output installed = cli.keep(cli.setup({"-v"}));
  INFO(said(installed));
  REQUIRE(installed.status == 0);
  const std::string password = nlohmann::json::parse(tree(cli.home()).at("redis-credentials.json")).at("password");
  CHECK(cli.keep(cli.status({"-v"})).status == 0);
  CHECK(cli.keep(cli.status({"-o", "json"})).status == 0);
  CHECK(cli.keep(cli({"smoke", "redis", "-n", cli.name_space(), "-v"})).status == 0);
  CHECK(cli.keep(cli({"doctor", "-n", cli.name_space(), "-v"})).status == 0);
  CHECK(cli.keep(cli({"url", "redis", "-n", cli.name_space(), "-v"})).status == 0);
  CHECK(cli.keep(cli({"config", "show", "-n", cli.name_space()})).status == 0);
  CHECK(cli.keep(cli.setup({"--dry-run", "-v"})).status == 0);
  CHECK(cli.keep(cli.setup({"--memory-limit", "640Mi", "--restart", "-v"})).status == 0);

  const std::unique_ptr<Process> connected = cli.start({"connect", "redis", "-n", cli.name_space(), "-v"});
  std::vector<Process*> processes = {connected.get()};
  const TimePoint until = real_runner().now() + std::chrono::seconds(20);
  while (connected->err().find("127.0.0.1") == std::string::npos &&
         connected->out().find("127.0.0.1") == std::string::npos) {
    REQUIRE(real_runner().wait(processes, until));
  }
  connected->end();
  cli.words += connected->out() + connected->err();

  CHECK_FALSE(shows(told_by_cluster(cli.name_space()), password));
  check_home(cli, password);
  CHECK(cli.keep(cli.teardown({"--yes", "--delete-data", "-v"})).status == 0);
  CHECK_FALSE(shows(cli.words, password));
  check_scan(scan, password);
  CHECK(tree(cli.temporary()).empty());
}

TEST_CASE("secrets: none is seen when setup fails, nor in the evidence that it keeps") {
  if (!have_cluster()) return;
  Watched cli("raibid-test-secretfail");
  SecretScan scan({cli.temporary()});
  // refused by the kubelet as soon as it is seen
  const std::vector<std::string> doomed = {"--password-file", cli.password_file().string(), "--set",
                                           "master.containerSecurityContext.runAsUser=0", "-v"};
  const Output failed = cli.keep(cli.setup(doomed));
  INFO(said(failed));
  CHECK(failed.status == 4);
  std::vector<std::string> keeping = doomed;
  keeping.push_back("--keep-on-failure");
  const Output kept = cli.keep(cli.setup(keeping));
  CHECK(kept.status == 5);
  check_home(cli, known);
  CHECK(tree(cli.home() / "evidence").size() > 3);
  CHECK_FALSE(shows(cli.words, known));
  check_scan(scan, known);
  CHECK(tree(cli.temporary()).empty());
}

TEST_CASE("secrets: the scan finds a leak in an argument, in the environment and in a temporary file") {
  const std::string secret = "Planted0Leak1Planted0Leak1Planted";
  const fs::path folder = fs::temp_directory_path() / "raibid-test-planted";
  fs::create_directories(folder);
  SecretScan scan({folder});
  must({"sh", "-c", "sleep 0.2; :", secret});
  must({"env", "LEAK=" + base64_encode(secret), "sleep", "0.2"});
  must({"sh", "-c", "cat > " + (folder / "file").string() + "; sleep 0.2; rm " + (folder / "file").string()}, secret);
  const std::vector<std::string> places = scan.find(secret);
  const auto seen_in = [&](const std::string& part) {
    return std::any_of(places.begin(), places.end(),
                       [&](const std::string& place) { return place.find(part) != std::string::npos; });
  };
  CHECK(seen_in("/cmdline: "));
  CHECK(seen_in("/environ: "));
  CHECK(seen_in("raibid-test-planted/file: "));
  fs::remove_all(folder);
}

}  // namespace raibid::secrets_test
