#pragma once

#include <string>
#include <vector>

#include "tools/kubectl.hpp"

namespace raibid {

/// What the namespace holds, apart from what Kubernetes puts into every namespace, as "kind.group/name". Asks for
/// every kind that can be listed, custom resources too. `except` is a name of that form which does not count: our own
/// lock. Throws Error (failure) when an API group does not answer whose objects could be someone's data: what the
/// namespace holds of it cannot be seen.
std::vector<std::string> namespace_contents(const Kubectl& kubectl, const std::string& except, TimePoint deadline);

/// The groups with version ("metrics.k8s.io/v1beta1") that did not answer `kubectl api-resources`. Empty when all did,
/// or when it failed for another reason.
std::vector<std::string> unavailable_groups(const Output& api_resources);

/// Metrics are measurements of what is counted anyway: "metrics.k8s.io/v1beta1" and its like hold nobody's data.
bool holds_no_data(const std::string& group_and_version);

}  // namespace raibid
