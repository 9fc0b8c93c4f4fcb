#include "components/kubernetes/namespace_contents.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

constexpr std::array groups_without_data = {"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"};

/// Events tell of the past. They are of exactly these two groups: an EventSource or an EventBus is somebody's own.
constexpr std::array kinds_without_data = {"events", "events.events.k8s.io"};

bool is_group_without_data(std::string_view group) {
  return std::find(groups_without_data.begin(), groups_without_data.end(), group) != groups_without_data.end();
}

/// "pods.metrics.k8s.io", as `kubectl api-resources -o name` writes it: the group is behind the first dot.
bool counts(const std::string& resource) {
  if (std::find(kinds_without_data.begin(), kinds_without_data.end(), resource) != kinds_without_data.end())
    return false;
  const std::size_t dot = resource.find('.');
  return dot == std::string::npos || !is_group_without_data(std::string_view(resource).substr(dot + 1));
}

struct Item {
  std::string group, kind, name;
  std::string owner_kinds;      ///< separated by spaces
  std::string service_account;  ///< that a token Secret is for
  std::string made_endpoints;   ///< what the endpoints controller notes on what it makes

  std::string shown() const { return to_lower(kind) + (group.empty() ? "" : "." + group) + "/" + name; }
};

Item read_item(const std::string& line) {
  const std::vector<std::string> fields = split(line, '\t');
  if (fields.size() != 6 || fields[0].empty() || fields[1].empty() || fields[2].empty())
    throw Error(ExitCode::failure, "kubectl gave an answer that cannot be understood: " + printable(line));
  const std::size_t slash = fields[0].find('/');
  const std::string group = slash == std::string::npos ? "" : fields[0].substr(0, slash);
  return {group, fields[1], fields[2], fields[3], fields[4], fields[5]};
}

/// What Kubernetes puts into every namespace, and what it collects by itself soon after its owner is gone.
bool is_kubernetes_own(const Item& item, const std::set<std::string>& services) {
  const auto is = [&](std::string_view group, std::string_view kind) {
    return item.group == group && item.kind == kind;
  };
  if (is("", "ConfigMap")) return item.name == "kube-root-ca.crt";
  if (is("", "ServiceAccount")) return item.name == "default";
  if (is("", "Secret")) return item.name.starts_with("default-token-") && item.service_account == "default";
  if (is("", "Endpoints")) return services.contains(item.name) || !item.made_endpoints.empty();
  if (is("discovery.k8s.io", "EndpointSlice")) return item.owner_kinds == "Service" || item.owner_kinds == "Endpoints";
  if (is("apps", "ControllerRevision")) return item.owner_kinds == "StatefulSet" || item.owner_kinds == "DaemonSet";
  return false;
}

bool is_group_and_version(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(slash), fits) &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(slash) + 1, text.end(), fits);
}

/// The name that an APIService has: "v1beta1.metrics.k8s.io".
std::string api_service(const std::string& group_and_version) {
  const std::size_t slash = group_and_version.find('/');
  return group_and_version.substr(slash + 1) + "." + group_and_version.substr(0, slash);
}

void refuse_unseen_groups(const Kubectl& kubectl, const Command& question, const Output& output) {
  if (output.ok()) return;
  const std::vector<std::string> groups = unavailable_groups(output);
  if (groups.empty()) throw Kubectl::explain(question, output);
  std::vector<std::string> services;
  for (const std::string& group : groups) {
    if (!holds_no_data(group)) services.push_back(api_service(group));
  }
  if (services.empty()) return;
  std::vector<std::string> words = {"get", "apiservice"};
  words.insert(words.end(), services.begin(), services.end());
  throw Error(ExitCode::failure,
              fmt::format("APIService {} does not answer, so what namespace {} holds of it cannot be seen",
                          join(services, ", "), kubectl.name_space()),
              "see why, and repair it or delete it when nobody needs it any more: " + kubectl.for_people(words));
}

}  // namespace

bool holds_no_data(const std::string& group_and_version) {
  return is_group_without_data(std::string_view(group_and_version).substr(0, group_and_version.find('/')));
}

std::vector<std::string> unavailable_groups(const Output& api_resources) {
  // client-go: "unable to retrieve the complete list of server APIs: GROUP/VERSION: WHY, GROUP/VERSION: WHY"
  constexpr std::string_view begin = "unable to retrieve the complete list of server APIs: ";
  std::vector<std::string> groups;
  if (api_resources.ok()) return groups;
  const std::size_t at = api_resources.err.find(begin);
  if (at == std::string::npos) return groups;
  std::string_view rest = std::string_view(api_resources.err).substr(at + begin.size());
  rest = rest.substr(0, rest.find('\n'));
  while (!rest.empty()) {
    const std::size_t comma = rest.find(", ");
    const std::string_view part = rest.substr(0, comma);
    const std::string_view name = part.substr(0, part.find(": "));
    if (is_group_and_version(name)) groups.emplace_back(name);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 2);
  }
  return groups;
}

std::vector<std::string> namespace_contents(const Kubectl& kubectl, const std::string& except, TimePoint deadline) {
  const Command question = kubectl.api_resources();
  const Output resources = kubectl.run(question, deadline);
  refuse_unseen_groups(kubectl, question, resources);
  std::vector<std::string> kinds;
  for (const std::string& line : split(trim(resources.out), '\n')) {
    const std::string resource(trim(line));
    if (!resource.empty() && counts(resource)) kinds.push_back(resource);
  }
  const Output found = kubectl.run_checked(kubectl.list_items(join(kinds, ",")), deadline);
  std::vector<Item> items;
  std::set<std::string> services;
  for (const std::string& line : split(found.out, '\n')) {
    if (trim(line).empty()) continue;
    items.push_back(read_item(line));
    if (items.back().group.empty() && items.back().kind == "Service") services.insert(items.back().name);
  }
  std::vector<std::string> contents;
  for (const Item& item : items) {
    const std::string name = item.shown();
    if (name != except && !is_kubernetes_own(item, services)) contents.push_back(name);
  }
  return contents;
}

}  // namespace raibid
