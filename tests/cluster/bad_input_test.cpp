#include <doctest/doctest.h>

#include <sys/stat.h>

#include <fstream>

#include "base/strings.hpp"
#include "cluster/support.hpp"

using namespace raibid;
using namespace raibid::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* name_space = "raibid-test-refused";
constexpr Duration at_once = std::chrono::seconds(15);  // "within seconds, not minutes"

fs::path put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
  return path;
}

fs::path put_program(const fs::path& path, const std::string& script) {
  put(path, "#!/bin/sh\n" + script + "\n");
  ::chmod(path.c_str(), 0755);
  return path;
}

std::string without_folders_of_helm() {
  const std::string path = ::getenv("PATH");
  std::vector<std::string> kept;
  for (const std::string& folder : split(path, ':')) {
    if (!fs::exists(fs::path(folder) / "helm")) kept.push_back(folder);
  }
  return join(kept, ":");
}

struct Refusal {
  std::string what;
  int code;
  std::vector<std::string> words;  ///< that the message must have
  std::vector<std::string> options;
  std::map<std::string, std::string> environment;
};

void refused(ClusterCli& cli, const Refusal& row) {
  for (const auto& [name, value] : row.environment) cli.set(name, value);
  // an empty folder, and what is known of helm
  const auto without_own = [&] {
    auto all = tree(cli.home());
    all.erase("journal");
    all.erase("helm.json");
    return all;
  };
  const auto home = without_own();
  std::vector<std::string> line = {"setup", "redis", "-n", name_space};
  line.insert(line.end(), row.options.begin(), row.options.end());
  const Output output = cli(line, at_once);
  INFO(row.what);
  INFO(said(output));
  CHECK(output.status == row.code);
  for (const std::string& word : row.words) CHECK(output.err.find(word) != std::string::npos);
  CHECK(output.err.find("error: ") != std::string::npos);
  CHECK((output.err.find("hint: ") != std::string::npos || output.err.find("write for instance") != std::string::npos));
  CHECK(without_own() == home);
}

// A user who may do nothing but log in.
std::string kubeconfig_without_rights(const ClusterCli& cli) {
  kubectl({"create", "serviceaccount", "limited", "-n", "default"});
  const std::string token(trim(kubectl({"create", "token", "limited", "-n", "default"})));
  nlohmann::json config = kubectl_json({"config", "view", "--raw", "--minify"});
  config["users"][0]["user"] = {{"token", token}};
  return put(cli.folder() / "limited.kubeconfig", config.dump()).string();
}

std::string kubeconfig_of_server(const ClusterCli& cli, const std::string& file, const std::string& server) {
  nlohmann::json config = kubectl_json({"config", "view", "--raw", "--minify"});
  config["clusters"][0]["cluster"]["server"] = server;
  return put(cli.folder() / file, config.dump()).string();
}

}  // namespace

TEST_CASE("what setup cannot work with is refused at once, with what, where and what to do, and nothing changes") {
  if (!have_cluster()) return;
  ClusterCli cli(name_space);
  const auto before = cluster_state(name_space);
  const std::string kubeconfig = ::getenv("RAIBID_TEST_KUBECONFIG");
  const std::string path = ::getenv("PATH");
  put_program(cli.folder() / "helm2/helm", "echo 'Client: v2.17.0+ga690bad'");
  put(cli.folder() / "binary.kubeconfig", std::string("\x7f"
                                                      "ELF\0\1\2",
                                                      7));
  put(cli.folder() / "file", "");

  const std::vector<Refusal> rows = {
      {"a kubeconfig that is not there",
       3,
       {"none.kubeconfig"},
       {"--kubeconfig", (cli.folder() / "none.kubeconfig").string()},
       {}},
      {"a kubeconfig that is a folder", 3, {"is a directory"}, {"--kubeconfig", cli.folder().string()}, {}},
      {"a file that is not a kubeconfig",
       3,
       {"binary.kubeconfig"},
       {"--kubeconfig", (cli.folder() / "binary.kubeconfig").string()},
       {}},
      {"a context that is not there", 3, {"no context nowhere", "raibid-test"}, {"--context", "nowhere"}, {}},
      {"a cluster that refuses",
       3,
       {"127.0.0.1:1", "does not answer"},
       {"--kubeconfig", kubeconfig_of_server(cli, "refuses.kubeconfig", "https://127.0.0.1:1")},
       {}},
      {"a login without rights",
       3,
       {"this login may not create secrets", "auth can-i --list"},
       {"--kubeconfig", kubeconfig_without_rights(cli)},
       {}},
      {"a StorageClass that is not there",
       3,
       {"no StorageClass local", "local-path"},
       {"--storage-class", "local"},
       {}},
      {"a chart that is not there", 2, {"/nowhere/chart"}, {"--chart", "/nowhere/chart"}, {}},
      {"a registry that does not answer", 3, {"127.0.0.1:1"}, {"--chart", "oci://127.0.0.1:1/redis"}, {}},
      {"an invalid quantity", 2, {"--size", "8G i"}, {"--size", "8G i"}, {}},
      {"a request above its limit", 2, {"--memory-request", "--memory-limit"}, {"--memory-request", "1Gi"}, {}},
      {"a name that Kubernetes refuses", 2, {"--release", "Red_is"}, {"--release", "Red_is"}, {}},
      {"no helm", 3, {"helm", "PATH"}, {}, {{"PATH", without_folders_of_helm()}}},
      {"Helm 2", 3, {"helm 2.17.0", "3.13"}, {}, {{"PATH", (cli.folder() / "helm2").string() + ":" + path}}},
      {"a home that cannot be made",
       3,
       {"file"},
       {},
       {{"PATH", path}, {"RAIBID_HOME", (cli.folder() / "file/home").string()}}},
  };
  for (const Refusal& row : rows) refused(cli, row);
  kubectl({"delete", "serviceaccount", "limited", "-n", "default"});
  CHECK(cluster_state(name_space) == before);
}

TEST_CASE("a cluster that takes connections and never answers is given up within seconds") {
  if (!have_cluster()) return;
  ClusterCli cli(name_space);
  // a listening socket whose owner never accepts
  const std::unique_ptr<Process> silent =
      real_runner().start({{"python3", "-uc",
                            "import socket,time; s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(9); "
                            "print(s.getsockname()[1]); time.sleep(60)"},
                           {},
                           {}});
  std::vector<Process*> processes = {silent.get()};
  while (silent->out().find('\n') == std::string::npos)
    REQUIRE(real_runner().wait(processes, real_runner().now() + at_once));
  const std::string server = "https://127.0.0.1:" + std::string(trim(silent->out()));
  refused(cli, {"silence",
                3,
                {server, "did not answer in time"},
                {"--kubeconfig", kubeconfig_of_server(cli, "silent.kubeconfig", server)},
                {}});
}

TEST_CASE("a damaged credentials file is kept, and setup does not begin") {
  if (!have_cluster()) return;
  ClusterCli cli(name_space);
  const fs::path file = put(cli.home() / "redis-credentials.json", "{\"host\": \"x\", ");
  refused(cli, {"damaged", 3, {"redis-credentials.json", "damaged"}, {}, {}});
  CHECK(tree(cli.home()).at("redis-credentials.json") == "{\"host\": \"x\", ");
  CHECK(
      attempt({"kubectl", "--kubeconfig", ::getenv("RAIBID_TEST_KUBECONFIG"), "get", "namespace", name_space}).status !=
      0);
}
