#include "components/kubernetes/kubeconfig_names.hpp"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "config/yaml.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

using nlohmann::json;

std::vector<fs::path> kubeconfig_files(const Context& context) {
  if (context.settings.is_set("kubeconfig")) return {context.settings.text("kubeconfig")};
  std::vector<fs::path> files;
  for (const std::string& file : split(variable(context.environment, "KUBECONFIG"), ':')) {
    if (!file.empty()) files.emplace_back(file);
  }
  if (!files.empty()) return files;
  fs::path usual = context.paths.user / ".kube/config";
  std::error_code ignored;
  return {fs::exists(usual, ignored) ? usual : fs::path(k3s_kubeconfig)};
}

json read_kubeconfig(const fs::path& file) {
  try {
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) return {};  // a FIFO would be waited for, and read once is empty
    return json(parse_yaml(read_file(file).value_or(""), file.string()));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

const KubeconfigNames::One* KubeconfigNames::find(const std::string& name) const {
  const std::string& wanted = name.empty() ? current : name;
  const auto found = std::find_if(contexts.begin(), contexts.end(), [&](const One& one) { return one.name == wanted; });
  return found == contexts.end() ? nullptr : &*found;
}

KubeconfigNames kubeconfig_names(const Context& context) {
  KubeconfigNames names;
  std::map<std::string, std::string> servers;
  std::map<std::string, bool> asks;
  std::vector<json> files;
  for (const fs::path& file : kubeconfig_files(context)) files.push_back(read_kubeconfig(file));
  for (const json& file : files) {
    if (names.current.empty()) names.current = text_at(file, {"current-context"});
    for (const json& one : items_at(file, {"clusters"}))
      servers.emplace(text_at(one, {"name"}), text_at(one, {"cluster", "server"}));
    for (const json& one : items_at(file, {"users"})) {
      const json& user = at(one, {"user"});
      asks.emplace(text_at(one, {"name"}),
                   user.is_object() && (user.contains("exec") || user.contains("auth-provider")));
    }
  }
  for (const json& file : files) {
    for (const json& one : items_at(file, {"contexts"})) {
      KubeconfigNames::One found{text_at(one, {"name"}), text_at(one, {"context", "namespace"})};
      if (found.name.empty() || names.find(found.name) != nullptr) continue;
      if (const auto server = servers.find(text_at(one, {"context", "cluster"})); server != servers.end())
        found.server = server->second;
      const auto user = asks.find(text_at(one, {"context", "user"}));
      found.asks = user != asks.end() && user->second;
      names.contexts.push_back(std::move(found));
    }
  }
  return names;
}

}  // namespace raibid
