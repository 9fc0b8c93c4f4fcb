#include "components/redis/place/kubernetes/role.hpp"

#include <nlohmann/json.hpp>

#include <set>

#include <fmt/format.h>

#include "config/yaml.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using Words = std::vector<std::string>;

constexpr const char* rbac = "rbac.authorization.k8s.io/v1";

const Words& all_verbs() {
  static const Words verbs = {"get", "list", "watch", "create", "update", "patch", "delete"};
  return verbs;
}

ordered_json rules_json(const std::vector<RoleRule>& rules) {
  ordered_json list = ordered_json::array();
  for (const RoleRule& rule : rules) {
    ordered_json one = {{"apiGroups", rule.groups}, {"resources", rule.resources}};
    if (!rule.names.empty()) one["resourceNames"] = rule.names;
    one["verbs"] = rule.verbs;
    list.push_back(std::move(one));
  }
  return list;
}

std::string role(const std::string& name_space, const std::string& name, const std::vector<RoleRule>& rules) {
  return to_yaml(ordered_json{{"apiVersion", rbac},
                              {"kind", "Role"},
                              {"metadata", {{"name", name}, {"namespace", name_space}}},
                              {"rules", rules_json(rules)}});
}

/// What is good to have: without it status does not know volumes, setup neither storage classes nor nodes, and the
/// cluster is told from others by its certificate.
std::vector<RoleRule> optional_rules() {
  return {{{""}, {"namespaces"}, {"get"}, {"kube-system"}},
          {{"storage.k8s.io"}, {"storageclasses"}, {"get", "list"}},
          {{""}, {"persistentvolumes"}, {"get"}},
          {{""}, {"nodes"}, {"list"}}};
}

}  // namespace

std::vector<RoleRule> role_rules(const RedisSettings& settings) {
  std::vector<RoleRule> rules = {
      {{""}, {"secrets", "configmaps", "services"}, all_verbs()},
      {{"apps"}, {"statefulsets"}, all_verbs()},
      {{"networking.k8s.io"}, {"networkpolicies"}, all_verbs()},
      {{"batch"}, {"cronjobs"}, all_verbs()},
      {{"coordination.k8s.io"}, {"leases"}, all_verbs()},
      {{""}, {"persistentvolumeclaims"}, {"get", "list", "watch", "update", "patch", "delete"}},
      {{""}, {"pods"}, {"get", "list", "watch", "patch", "delete"}},
      {{""}, {"pods/log"}, {"get"}},
      {{""}, {"pods/portforward"}, {"get", "create"}},
      {{""}, {"events", "endpoints"}, {"get", "list", "watch"}},
      {{"discovery.k8s.io"}, {"endpointslices"}, {"get", "list", "watch"}},
      {{""}, {"namespaces"}, {"get"}, {settings.name_space}},
  };
  if (settings.metrics)
    rules.push_back({{"monitoring.coreos.com"},
                     settings.monitoring ? std::vector<std::string>{"servicemonitors", "prometheusrules"}
                                         : std::vector<std::string>{"servicemonitors"},
                     all_verbs()});
  if (settings.backup.own_claim()) rules.push_back({{""}, {"persistentvolumeclaims"}, {"create"}});
  if (settings.ha()) rules.push_back({{"apps"}, {"deployments"}, all_verbs()});
  if (settings.chart.kind != ChartChoice::Kind::embedded) rules.push_back({{""}, {"serviceaccounts"}, all_verbs()});
  if (settings.ha() || settings.chart.kind != ChartChoice::Kind::embedded) {
    rules.push_back({{"policy"}, {"poddisruptionbudgets"}, all_verbs()});
  }
  return rules;
}

std::vector<RoleRule> restore_rules() { return {{{""}, {"pods"}, {"create"}}, {{""}, {"pods/exec"}, {"create"}}}; }

std::string role_manifests(const RedisSettings& settings) {
  const std::string name = "raibid-cli-" + settings.release;
  std::string text = fmt::format(
      "# Rights to set up and remove release {0} in namespace {1}, which must exist (setup redis --adopt uses it):\n"
      "#   kubectl create rolebinding {2} -n {1} --role={2} --user=NAME (or --serviceaccount=NAMESPACE:NAME)\n",
      settings.release, settings.name_space, name);
  text += "---\n" + role(settings.name_space, name, role_rules(settings));
  text +=
      "---\n# Beside it, for restore redis, and for backups that lie in a claim: a pod of their own with the claim. "
      "(backup redis needs no more "
      "than the first Role.)\n" +
      role(settings.name_space, name + "-restore", restore_rules());
  std::set<std::string> elsewhere;
  for (const std::string& service : settings.services) {
    const std::size_t slash = service.find('/');
    if (slash != std::string::npos) elsewhere.insert(service.substr(0, slash));
  }
  for (const std::string& other : elsewhere) {
    text += fmt::format("---\n# the preset's Service in namespace {}\n", other) +
            role(other, name, {{{""}, {"services"}, all_verbs()}});
  }
  text += fmt::format(
      "---\n# Optional, and done without: kubectl create clusterrolebinding {0} --clusterrole={0} --user=NAME\n", name);
  return text + to_yaml(ordered_json{{"apiVersion", rbac},
                                     {"kind", "ClusterRole"},
                                     {"metadata", {{"name", name}}},
                                     {"rules", rules_json(optional_rules())}});
}

}  // namespace raibid
