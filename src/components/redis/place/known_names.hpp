#pragma once

#include <string>
#include <vector>

#include "components/context.hpp"

namespace raibid {

/// What completion offers for a value that names something, of the cluster, machine or service that the settings
/// choose: from files alone (the kubeconfig and the home), so that nothing is waited for and nobody is asked.
std::vector<std::string> known_names(const Context& context, NamedThing thing);

/// Whether learn_names would bring something: what was learned of the cluster is some seconds old, and its credentials
/// come from no program, which might ask somebody for a password.
bool names_are_old(const Context& context);

/// Asks the cluster for its namespaces, its StorageClasses and our releases, and keeps them in the home for
/// known_names. What this login may not list is left out. Only one run of a home does so at a time; another one returns
/// at once.
void learn_names(Context& context);

}  // namespace raibid
