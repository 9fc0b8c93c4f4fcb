#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// What matters of a node for a pod that finds no place, or whose node is silent.
struct NodeFacts {
  std::string name;
  bool ready = false;
  bool joining = false;  ///< its kubelet reports and it has never been Ready yet
  bool cordoned = false;
  std::string trouble;              ///< why it is not Ready, in the node's own words
  std::vector<std::string> taints;  ///< as `kubectl taint` writes them: "dedicated=gpu:NoSchedule"
  std::int64_t millicores = 0;
  std::int64_t memory = 0;  ///< bytes
  /// What its pods have requested, where that was asked.
  std::optional<std::int64_t> requested_millicores;
  std::optional<std::int64_t> requested_memory;
};

/// From the items of `get nodes` and, unless null, of `get pods` in all namespaces.
std::vector<NodeFacts> read_nodes(const nlohmann::json& nodes, const nlohmann::json& pods);

/// What the containers of a pod ask for: `resource` is "cpu" (thousandths of a core) or "memory" (bytes).
std::int64_t requested(const nlohmann::json& pod, const char* resource);

/// "2 cpu", "100m cpu", "23.5 GiB of memory"
std::string format_amount(std::int64_t amount, std::string_view resource);

/// "node1 has 23.5 GiB, 22.0 GiB of it requested; …": at most three nodes, the largest first.
std::string describe_room(const std::vector<NodeFacts>& nodes, const char* resource);

}  // namespace raibid
