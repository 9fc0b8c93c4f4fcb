#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "components/kubernetes/verdict.hpp"

namespace raibid {

/// Volumes that cannot be mounted, a sandbox that cannot be made.
std::optional<Judgement> judge_mounts(const Observation& seen);

/// Crashes, and containers that cannot be made or started.
std::optional<Judgement> judge_container(const Observation& seen, const nlohmann::json& status);

}  // namespace raibid
