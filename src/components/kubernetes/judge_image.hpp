#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "components/kubernetes/verdict.hpp"

namespace raibid {

/// Pulls.
std::optional<Judgement> judge_image(const Observation& seen, const nlohmann::json& status);

}  // namespace raibid
