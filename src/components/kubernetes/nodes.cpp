#include "components/kubernetes/nodes.hpp"

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "components/kubernetes/json_view.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace raibid {

namespace {

using nlohmann::json;

constexpr std::size_t shown_nodes = 3;

/// A quantity of the cluster's; 0 when it is not one that we can read.
std::int64_t quantity(const json& quantities, const std::string& resource) {
  const std::string text = text_at(quantities, {resource});
  if (text.empty()) return 0;
  try {
    return resource == "cpu" ? parse_millicores(text, resource) : parse_bytes(text, resource);
  } catch (const Error&) {
    return 0;
  }
}

/// A node that has never been Ready: its condition is as old as itself.
bool never_was_ready(const json& node, const json& condition) {
  const std::string created = text_at(node, {"metadata", "creationTimestamp"});
  const std::string since = text_at(condition, {"lastTransitionTime"});
  constexpr std::size_t to_the_minute = 16;  // RFC 3339 in UTC: comparing text compares time
  return !created.empty() && since.substr(0, to_the_minute) <= created.substr(0, to_the_minute);
}

NodeFacts read_node(const json& node) {
  NodeFacts facts;
  facts.name = text_at(node, {"metadata", "name"});
  facts.cordoned = flag_at(node, {"spec", "unschedulable"});
  facts.millicores = quantity(at(node, {"status", "allocatable"}), "cpu");
  facts.memory = quantity(at(node, {"status", "allocatable"}), "memory");
  for (const json& taint : items_at(node, {"spec", "taints"})) {
    const std::string value = text_at(taint, {"value"});
    facts.taints.push_back(text_at(taint, {"key"}) + (value.empty() ? "" : "=" + value) + ":" +
                           text_at(taint, {"effect"}));
  }
  facts.trouble = "it has never reported";
  for (const json& condition : items_at(node, {"status", "conditions"})) {
    if (text_at(condition, {"type"}) != "Ready") continue;
    const std::string status = text_at(condition, {"status"});
    facts.ready = status == "True";
    facts.joining = status == "False" && never_was_ready(node, condition);
    facts.trouble = text_at(condition, {"message"});
    if (facts.trouble.empty()) facts.trouble = text_at(condition, {"reason"});
  }
  return facts;
}

bool holds_resources(const json& pod) {
  const std::string phase = text_at(pod, {"status", "phase"});
  return phase != "Succeeded" && phase != "Failed";
}

}  // namespace

std::int64_t requested(const json& pod, const char* resource) {
  std::int64_t sum = 0;
  for (const json& container : items_at(pod, {"spec", "containers"})) {
    sum += quantity(at(container, {"resources", "requests"}), resource);
  }
  std::int64_t largest_before = 0;  // init containers run one after the other, before the others
  for (const json& container : items_at(pod, {"spec", "initContainers"})) {
    largest_before = std::max(largest_before, quantity(at(container, {"resources", "requests"}), resource));
  }
  return std::max(sum, largest_before);
}

std::string format_amount(std::int64_t amount, std::string_view resource) {
  if (resource != "cpu") return format_bytes(amount) + " of memory";
  return amount % 1000 == 0 ? fmt::format("{} cpu", amount / 1000) : fmt::format("{}m cpu", amount);
}

std::vector<NodeFacts> read_nodes(const json& nodes, const json& pods) {
  std::vector<NodeFacts> all;
  if (!nodes.is_array()) return all;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> promised;
  if (pods.is_array()) {
    for (const json& pod : pods) {
      if (!holds_resources(pod)) continue;
      auto& [cpu, memory] = promised[text_at(pod, {"spec", "nodeName"})];
      cpu += requested(pod, "cpu");
      memory += requested(pod, "memory");
    }
  }
  for (const json& node : nodes) {
    all.push_back(read_node(node));
    if (pods.is_array()) {
      all.back().requested_millicores = promised[all.back().name].first;
      all.back().requested_memory = promised[all.back().name].second;
    }
  }
  return all;
}

std::string describe_room(const std::vector<NodeFacts>& nodes, const char* resource) {
  const bool cpu = std::string_view(resource) == "cpu";
  const auto size = [cpu](const NodeFacts& node) { return cpu ? node.millicores : node.memory; };
  std::vector<NodeFacts> sorted = nodes;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const NodeFacts& a, const NodeFacts& b) { return size(a) > size(b); });
  std::string text;
  for (std::size_t i = 0; i < sorted.size() && i < shown_nodes; ++i) {
    const NodeFacts& node = sorted[i];
    const std::optional<std::int64_t>& promised = cpu ? node.requested_millicores : node.requested_memory;
    text += fmt::format("{}{} has {}", text.empty() ? "" : "; ", node.name, format_amount(size(node), resource));
    if (promised) text += fmt::format(", {} of it requested by its pods", format_amount(*promised, resource));
  }
  if (sorted.size() > shown_nodes) text += fmt::format("; {} more nodes have no more", sorted.size() - shown_nodes);
  return text;
}

}  // namespace raibid
