#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// The commands `export env|secret|configmap|keda|compose|values`: a Redis handed over in the application's own words,
/// on stdout. Those that need an installation throw Error (not_installed) without one.
std::vector<ComponentCommand> export_commands();

}  // namespace raibid
