#include "support/test_cluster.hpp"

#include "base/error.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace raibid {

using nlohmann::json;
using namespace std::chrono_literals;

TestCluster::TestCluster(const std::string& name) {
  const char* const variable = std::getenv("RAIBID_TEST_KUBECONFIG");
  absent = variable == nullptr || *variable == 0 || program("kubectl").empty();
  if (absent) {
    MESSAGE("skipped: no RAIBID_TEST_KUBECONFIG, or no kubectl on PATH");
    return;
  }
  kubeconfig = variable;
  cluster = Kubectl::parse_config_view(run(runner, Kubectl::config_view(kubeconfig), in(20s)), kubeconfig, "");
  name_space = "tools-" + name + "-" + std::to_string(::getpid());
  kubectl = std::make_unique<Kubectl>(runner, cluster, name_space);
  create({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name_space}}}});
}

TestCluster::~TestCluster() {
  if (absent) return;
  for (const std::string& file : m_files) ::unlink(file.c_str());
  try {
    Command remove = kubectl->remove({"namespace/" + name_space}, 60);
    remove.api = nullptr;                   // kubectl itself
    remove.argv.push_back("--wait=false");  // the next test has a namespace of its own
    kubectl->run_checked(remove, in(20s));
  } catch (const Error& error) {
    FAIL_CHECK("the namespace of this test remains: " << error.message());
  }
}

void TestCluster::create(const json& manifest) { run_checked(kubectl->create(manifest)); }

Output TestCluster::run_checked(const Command& command, std::chrono::seconds limit) {
  return kubectl->run_checked(command, in(limit));
}

json TestCluster::get(const std::string& kind_and_name) {
  const Command command = kubectl->get({kind_and_name});
  const json items = Kubectl::parse_items(command, run(runner, command, in(20s)));
  return items.empty() ? json() : items.front();
}

std::string TestCluster::kubeconfig_with_user(const json& user, const json& cluster_change) {
  Command view = Kubectl::config_view(kubeconfig);
  view.argv.insert(view.argv.end(), {"--raw", "--minify", "--flatten"});
  json config = json::parse(run_checked(view).out);
  config["users"][0]["user"] = user;
  if (!cluster_change.is_null()) config["clusters"][0]["cluster"] = cluster_change;
  SystemRandom random;
  std::array<std::uint8_t, 4> bytes{};
  random.fill(bytes);
  const std::string path =
      fs::temp_directory_path() /
      ("kubeconfig-" + sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).substr(0, 12));
  write_atomic(path, config.dump());
  m_files.push_back(path);
  return path;
}

void TestCluster::wait_until_ready(const std::string& pod) {
  Command command = kubectl->get({"pod/" + pod});
  command.api = nullptr;  // what follows is for kubectl itself
  command.argv = {"kubectl",    "--kubeconfig",          kubeconfig,     "-n", name_space, "wait",
                  "pod/" + pod, "--for=condition=Ready", "--timeout=60s"};
  REQUIRE(run(runner, command, in(70s)).ok());
}

json redis_pod(const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"labels", {{"app", name}}}}},
          {"spec",
           {{"terminationGracePeriodSeconds", 1},
            {"containers",
             {{{"name", "redis"},
               {"image", "redis:7-alpine"},
               {"imagePullPolicy", "IfNotPresent"},
               {"args", {"redis-server", "--save", "", "--protected-mode", "no"}}}}}}}};
}

}  // namespace raibid
