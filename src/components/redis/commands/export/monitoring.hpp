#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `export alerts|dashboard|servicemonitor|scrape-config`: for those who apply by themselves what `setup --monitoring`
/// gives to helm. They ask no cluster.
std::vector<ComponentCommand> monitoring_exports();

}  // namespace raibid
