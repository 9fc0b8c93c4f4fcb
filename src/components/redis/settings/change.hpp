#pragma once

#include <string>
#include <vector>

#include "components/redis/settings/spec.hpp"

namespace raibid {

/// What of a change a running Redis cannot take in, each as "memory limit 512Mi → 1Gi": its pod is replaced. Empty
/// when CONFIG SET does all of it.
std::vector<std::string> restart_reasons(const Spec& before, const Spec& after);

/// The same for directives alone: those that Redis reads at its start only.
std::vector<std::string> restart_directives(const Spec& before, const Spec& after);

/// Directives that are not asked for any more, with the value that Redis keeps until its next start: what its own
/// default is, it does not say.
std::vector<std::string> dropped_directives(const Spec& before, const Spec& after);

}  // namespace raibid
