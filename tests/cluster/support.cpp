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

ClusterCli::~ClusterCli() { attempt({"kubectl", "--kubeconfig", kubeconfig(), "delete", "namespace", m_namespace, "--ignore-not-found", "--wait"}); }

Output ClusterCli::with_namespace(const std::string& verb, std::vector<std::string> more) {
  more.insert(more.begin(), {verb, "redis", "-n", m_namespace});
  return (*this)(more);
}

Output ClusterCli::setup(std::vector<std::string> more) { return with_namespace("setup", std::move(more)); }
Output ClusterCli::status(std::vector<std::string> more) { return with_namespace("status", std::move(more)); }
Output ClusterCli::teardown(std::vector<std::string> more) { return with_namespace("teardown", std::move(more)); }

std::set<std::string> cluster_state() {
  std::set<std::string> names;
  const std::string listed = kubectl({"get", "namespaces,persistentvolumes,clusterroles,clusterrolebindings,storageclasses", "-o", "name"});
  for (const std::string& name : split(trim(listed), '\n')) names.insert(name);
  return names;
}

}  // namespace raibid::test
