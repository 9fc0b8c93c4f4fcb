#include "cluster/support.hpp"

#include <stdlib.h>

#include <doctest/doctest.h>

#include <fmt/format.h>

#include "base/strings.hpp"

namespace raibid::test {

namespace {

std::string kubeconfig() {
  const char* value = ::getenv("RAIBID_TEST_KUBECONFIG");
  return value ? value : "";
}

}  // namespace

bool have_cluster() {
  if (!kubeconfig().empty()) return true;
  MESSAGE("skipped: RAIBID_TEST_KUBECONFIG names no cluster");
  return false;
}

std::string kubectl(std::vector<std::string> arguments, const std::string& input) {
  arguments.insert(arguments.begin(), {"kubectl", "--kubeconfig", kubeconfig()});
  return must(arguments, input);
}

nlohmann::json kubectl_json(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-o", "json"});
  return nlohmann::json::parse(kubectl(std::move(arguments)));
}

ClusterCli::ClusterCli(std::string name_space) : m_namespace(std::move(name_space)) {
  set("KUBECONFIG", kubeconfig());
  set("RAIBID_IMAGE", "redis:7-alpine");
  set("RAIBID_EXPORTER_IMAGE", "oliver006/redis_exporter:v1.45.0");
  kubectl({"delete", "namespace", m_namespace, "--ignore-not-found", "--wait"});
}

ClusterCli::~ClusterCli() {
  attempt(
      {"kubectl", "--kubeconfig", kubeconfig(), "delete", "namespace", m_namespace, "--ignore-not-found", "--wait"});
}

Output ClusterCli::with_namespace(const std::string& verb, std::vector<std::string> more) {
  more.insert(more.begin(), {verb, "redis", "-n", m_namespace});
  return (*this)(more);
}

Output ClusterCli::setup(std::vector<std::string> more) { return with_namespace("setup", std::move(more)); }
Output ClusterCli::status(std::vector<std::string> more) { return with_namespace("status", std::move(more)); }
Output ClusterCli::teardown(std::vector<std::string> more) { return with_namespace("teardown", std::move(more)); }

namespace {

std::set<std::string> volumes_of(const std::string& name_space) {
  std::set<std::string> names;
  for (const nlohmann::json& volume : kubectl_json({"get", "persistentvolumes"}).at("items")) {
    const std::string claimed_in = volume.value("/spec/claimRef/namespace"_json_pointer, "");
    if (claimed_in == name_space) names.insert("volume " + volume.at("metadata").at("name").get<std::string>());
  }
  return names;
}

}  // namespace

std::set<std::string> cluster_state(const std::string& name_space) {
  const TimePoint until = real_runner().now() + std::chrono::seconds(30);
  std::set<std::string> names = volumes_of(name_space);
  while (!names.empty() && real_runner().now() < until) {
    real_runner().wait({}, real_runner().now() + std::chrono::milliseconds(300));
    names = volumes_of(name_space);
  }
  const std::string listed =
      kubectl({"get", "namespaces,clusterroles,clusterrolebindings,storageclasses", "-o", "name"});
  for (const std::string& name : split(trim(listed), '\n')) {
    // others may be at work in the same cluster: theirs come and go, and so does the ClusterRole that ways_test makes
    // of what doctor prints
    if (name.starts_with("clusterrole") && name.ends_with("/raibid-cli-raibid-redis")) continue;
    if (name == "namespace/" + name_space ||
        (name.rfind("namespace/", 0) != 0 && name.find("raibid") != std::string::npos))
      names.insert(name);
  }
  return names;
}

}  // namespace raibid::test
