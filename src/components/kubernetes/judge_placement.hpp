#pragma once

#include <optional>

#include "components/kubernetes/verdict.hpp"

namespace raibid {

/// The scheduler finds no place, the volume is not there, the node does not answer.
std::optional<Judgement> judge_placement(const Observation& seen);

/// A claim has no volume.
std::optional<Judgement> judge_storage(const Observation& seen);

}  // namespace raibid
