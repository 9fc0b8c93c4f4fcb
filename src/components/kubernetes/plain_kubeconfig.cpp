#include "components/kubernetes/plain_kubeconfig.hpp"

#include <nlohmann/json.hpp>

#include <set>

#include "base/error.hpp"
#include "base/json.hpp"
#include "components/kubernetes/json_view.hpp"
#include "config/yaml.hpp"
#include "sys/files.hpp"
#include "sys/programs.hpp"

namespace raibid {

namespace {

using nlohmann::json;

/// Its own file name says that it is kubectl: k3s's is a link to k3s, microk8s's one to snap.
bool is_plain_kubectl(const fs::path& program) {
  return program.filename().string().starts_with("kubectl") && is_binary(program);
}

/// The one file that kubectl reads, "" when there are several.
fs::path chosen_file(const Context& context, const std::string& kubeconfig) {
  if (!kubeconfig.empty()) return kubeconfig;
  const std::string list = variable(context.environment, "KUBECONFIG");
  if (list.find(':') != std::string::npos) return "";
  if (!list.empty()) return list;
  const std::string home = variable(context.environment, "HOME");
  return home.empty() ? fs::path() : fs::path(home) / ".kube/config";
}

/// The entry of this name; null when it is not there, or a name is there twice or is no text.
const json& entry(const json& config, const char* list, const std::string& name) {
  static const json none;
  std::set<std::string> names;
  const json* found = &none;
  for (const json& one : items_at(config, {list})) {
    const std::string its_name = text_at(one, {"name"});
    if (its_name.empty() || !names.insert(its_name).second) return none;
    if (its_name == name) found = &one;
  }
  return *found;
}

json named(const json& entry, const char* kind, json content) {
  return {{"name", text_at(entry, {"name"})}, {kind, std::move(content)}};
}

/// Without what is secret, as kubectl leaves it out, and without what nobody asks for.
std::optional<json> view_of(const json& config, const std::string& wanted) {
  if (text_at(config, {"apiVersion"}) != "v1" || text_at(config, {"kind"}) != "Config") return std::nullopt;
  const std::string current = text_at(config, {"current-context"});
  const json& chosen = entry(config, "contexts", wanted.empty() ? current : wanted);
  const json& cluster = entry(config, "clusters", text_at(chosen, {"context", "cluster"}));
  const json& user = entry(config, "users", text_at(chosen, {"context", "user"}));
  if (chosen.is_null() || text_at(cluster, {"cluster", "server"}).empty() || user.is_null()) return std::nullopt;
  json view = {{"kind", "Config"}, {"apiVersion", "v1"}, {"current-context", current}};
  view["contexts"] = json::array({named(chosen, "context", at(chosen, {"context"}))});
  view["clusters"] = json::array({named(cluster, "cluster", {{"server", text_at(cluster, {"cluster", "server"})}})});
  json plugin = json::object();
  if (const json& exec = at(user, {"user", "exec"}); exec.is_object())
    plugin["exec"] = {{"command", text_at(exec, {"command"})}};
  view["users"] = json::array({named(user, "user", std::move(plugin))});
  return view;
}

}  // namespace

std::optional<std::string> plain_kubeconfig(const Context& context, const std::string& kubeconfig,
                                            const std::string& wanted) {
  if (!is_plain_kubectl(find_program("kubectl", variable(context.environment, "PATH")))) return std::nullopt;
  const fs::path file = chosen_file(context, kubeconfig);
  std::error_code ignored;
  if (file.empty() || !fs::is_regular_file(file, ignored)) return std::nullopt;
  try {
    const std::optional<std::string> text = read_file(file);
    if (!text) return std::nullopt;
    const auto view = view_of(json(parse_yaml(*text, file.string())), wanted);
    return view ? std::optional(json_text(*view)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // kubectl says what is wrong with it
  }
}

}  // namespace raibid
