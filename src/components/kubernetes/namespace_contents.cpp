#include "components/kubernetes/namespace_contents.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/context.hpp"  // OutputFormat has a json, and g++ warns when it comes after ours
#include "components/kubernetes/json_view.hpp"
#include "tools/served_kinds.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr std::array groups_without_data = {"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"};

/// Events tell of the past. They are of exactly these two groups: an EventSource or an EventBus is someone's own.
constexpr std::array kinds_without_data = {"events", "events.events.k8s.io"};

bool is_group_without_data(std::string_view group) {
  return std::find(groups_without_data.begin(), groups_without_data.end(), group) != groups_without_data.end();
}

/// "metrics.k8s.io" of "pods.metrics.k8s.io", as `kubectl api-resources -o name` writes it.
std::string group_of(const std::string& resource) {
  const std::size_t dot = resource.find('.');
  return dot == std::string::npos ? "" : resource.substr(dot + 1);
}

bool counts(const std::string& resource) {
  if (std::find(kinds_without_data.begin(), kinds_without_data.end(), resource) != kinds_without_data.end())
    return false;
  return !is_group_without_data(group_of(resource));
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
    throw Error(ExitCode::failure, "kubectl's answer cannot be parsed: " + printable(line));
  const std::size_t slash = fields[0].find('/');
  const std::string group = slash == std::string::npos ? "" : fields[0].substr(0, slash);
  return {group, fields[1], fields[2], fields[3], fields[4], fields[5]};
}

/// As the API answers Kubectl::list_items.
Item read_item(const json& object) {
  const std::string version = text_at(object, {"servedVersion"});
  const std::size_t slash = version.find('/');
  Item item;
  item.group = slash == std::string::npos ? "" : version.substr(0, slash);
  item.kind = text_at(object, {"servedKind"});
  item.name = text_at(object, {"metadata", "name"});
  std::vector<std::string> owners;
  for (const json& owner : items_at(object, {"metadata", "ownerReferences"}))
    owners.push_back(text_at(owner, {"kind"}));
  item.owner_kinds = join(owners, " ");
  item.service_account = text_at(object, {"metadata", "annotations", "kubernetes.io/service-account.name"});
  item.made_endpoints =
      text_at(object, {"metadata", "annotations", "endpoints.kubernetes.io/last-change-trigger-time"});
  if (version.empty() || item.kind.empty() || item.name.empty())
    throw Error(ExitCode::failure, "the API's answer cannot be parsed: " + printable(object.dump().substr(0, 200)));
  return item;
}

std::vector<Item> read_items(const Command& question, const Output& found) {
  std::vector<Item> items;
  if (found.out.starts_with('{')) {
    for (const json& object : Kubectl::parse_items(question, found)) items.push_back(read_item(object));
    return items;
  }
  for (const std::string& line : split(found.out, '\n')) {
    if (!trim(line).empty()) items.push_back(read_item(line));
  }
  return items;
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
  if (is("batch", "Job")) return item.owner_kinds == "CronJob";
  if (is("", "Pod")) return item.owner_kinds == "Job";
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

/// A group of the server whose kinds kubectl does not know: nobody answers for it. An API that has no kinds at the
/// moment is fine.
std::vector<std::string> silent_groups(const Kubectl& kubectl, const Command& question, const Output& answer,
                                       const std::vector<std::string>& resources, TimePoint deadline) {
  std::set<std::string> known;
  for (const std::string& resource : resources) known.insert(group_of(resource));
  std::vector<std::string> silent;
  const json groups = Kubectl::parse_object(question, answer);
  for (const json& group : items_at(groups, {"groups"})) {
    const std::string version = text_at(group, {"preferredVersion", "groupVersion"});
    if (known.contains(text_at(group, {"name"})) || holds_no_data(version)) continue;
    const Output kinds = kubectl.run(kubectl.api_group(version), deadline);
    const json list = json::parse(kinds.out, nullptr, false);
    const bool has_none = kinds.ok() && list.is_object() && items_at(list, {"resources"}).empty();
    if (!has_none) silent.push_back(version);
  }
  return silent;
}

[[noreturn]] void refuse_silent(const Kubectl& kubectl, const std::vector<std::string>& groups) {
  std::vector<std::string> words = {"get", "apiservice"};
  for (const std::string& group : groups) words.push_back(api_service(group));
  throw Error(ExitCode::failure,
              fmt::format("APIService {} does not answer, so what namespace {} holds of it cannot be seen",
                          join({words.begin() + 2, words.end()}, ", "), kubectl.name_space()),
              "see why, and repair it or delete it when nobody needs it any more: " + kubectl.for_people(words));
}

/// The lines of a list of kinds. An older kubectl fails when a group is silent, after it has printed the others.
std::vector<std::string> read_kinds(const Kubectl& kubectl, const Command& question, const Output& output) {
  std::vector<std::string> silent = unavailable_groups(output);
  if (!output.ok() && silent.empty()) throw Kubectl::explain(question, output);
  std::erase_if(silent, holds_no_data);
  if (!silent.empty()) refuse_silent(kubectl, silent);
  std::vector<std::string> kinds;
  for (const std::string& line : split(output.out, '\n')) {
    if (const std::string kind(trim(line)); !kind.empty()) kinds.push_back(kind);
  }
  return kinds;
}

/// By kubectl's own lists of kinds.
std::vector<Item> items_by_kubectl(const Kubectl& kubectl, const Command& question, const Output& answer,
                                   const Command& groups_question, const Output& groups, TimePoint deadline) {
  const Command all_question = kubectl.all_api_resources();
  const Output all_answer = kubectl.run(all_question, deadline);
  std::vector<std::string> kinds = read_kinds(kubectl, question, answer);
  const std::vector<std::string> all = read_kinds(kubectl, all_question, all_answer);
  const std::vector<std::string> silent = silent_groups(kubectl, groups_question, groups, all, deadline);
  if (!silent.empty()) refuse_silent(kubectl, silent);
  std::erase_if(kinds, [](const std::string& kind) { return !counts(kind); });
  const Command list = kubectl.list_items(join(kinds, ","));
  return read_items(list, kubectl.run_checked(list, deadline));
}

std::vector<Item> items_in(const Kubectl& kubectl, TimePoint deadline) {
  const std::vector<Command> questions = {kubectl.api_resources(), kubectl.api_groups()};
  const std::vector<Output> answers = kubectl.run(questions, deadline);
  std::optional<ServedKinds> served = answers[0].ok() ? parse_served_kinds(answers[0].out) : std::nullopt;
  if (!served && answers[0].out.starts_with('{')) {  // a server that has no such list
    Command own = questions[0];
    own.api.reset();
    return items_by_kubectl(kubectl, own, kubectl.run(own, deadline), questions[1], answers[1], deadline);
  }
  if (!served) return items_by_kubectl(kubectl, questions[0], answers[0], questions[1], answers[1], deadline);
  std::erase_if(served->silent, holds_no_data);
  if (!served->silent.empty()) refuse_silent(kubectl, served->silent);
  std::vector<std::string> all;
  for (const ServedKind& kind : served->kinds) all.push_back(kind.name());
  const std::vector<std::string> silent = silent_groups(kubectl, questions[1], answers[1], all, deadline);
  if (!silent.empty()) refuse_silent(kubectl, silent);
  std::erase_if(served->kinds,
                [](const ServedKind& kind) { return !kind.namespaced || !kind.can_be_listed || !counts(kind.name()); });
  const Command list = kubectl.list_items(served->kinds);
  return read_items(list, kubectl.run_checked(list, deadline));
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
  const std::vector<Item> items = items_in(kubectl, deadline);
  std::set<std::string> services;
  for (const Item& item : items) {
    if (item.group.empty() && item.kind == "Service") services.insert(item.name);
  }
  std::vector<std::string> contents;
  for (const Item& item : items) {
    const std::string name = item.shown();
    if (name != except && !is_kubernetes_own(item, services)) contents.push_back(name);
  }
  return contents;
}

}  // namespace raibid
