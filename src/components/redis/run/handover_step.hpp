#pragma once

#include <optional>
#include <string>

#include "components/context.hpp"
#include "components/redis/server/handover.hpp"
#include "components/redis/server/topology.hpp"
#include "plan/step.hpp"

namespace raibid {

/// What a handover on purpose came to.
struct HandoverResult {
  std::string from{}, to{};      ///< nodes
  bool address_follows = false;  ///< all proxies lead to the new master
  double seconds = 0;
};

/// Before it: throws Error (usage) for a node that is not there, (failure) when a node is not in sync: whoever is
/// behind would lose what it lacks.
void refuse_handover(const Topology& topology, const Scope& scope, std::optional<int> to);

/// Hands the master's role over to `to`, or whom Sentinel chooses (`target` names it), and waits until the proxies lead
/// there. What it is given by reference has to live as long as the step.
Step handover_step(Context& context, Nodes& nodes, const Topology& before, std::optional<int> to,
                   const std::string& target, HandoverResult& result);

}  // namespace raibid
