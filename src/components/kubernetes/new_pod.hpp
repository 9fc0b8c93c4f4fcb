#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "sys/process.hpp"

namespace raibid {

/// The pod `pod` that the controller would make of a StatefulSet, under a name of its own: to be tried on the API
/// server (Kubectl::try_to_create) while the present pod runs.
nlohmann::json pod_of_set(const nlohmann::json& set, const std::string& pod);

/// The Error (preflight) when the answer to that says that the cluster would refuse the pod: Pod Security, a policy, a
/// LimitRange, a template that is invalid. Nothing when it says less: a quota that the ending pod makes room in, a
/// login that may not make pods, a server that does not answer.
std::optional<Error> refusal_of_pod(const Output& answer);

/// What the server warns of, a line each.
std::vector<std::string> warnings_in(const Output& answer);

}  // namespace raibid
