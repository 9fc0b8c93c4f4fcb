#pragma once

#include <optional>

#include "components/kubernetes/verdict.hpp"

namespace raibid {

/// The controller cannot make the pod or its claims: quota, LimitRange, Pod Security, admission.
std::optional<Judgement> judge_creation(const Observation& seen);

}  // namespace raibid
