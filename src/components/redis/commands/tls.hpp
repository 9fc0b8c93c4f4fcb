#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `tls rotate`.
std::vector<ComponentCommand> tls_commands();

}  // namespace raibid
