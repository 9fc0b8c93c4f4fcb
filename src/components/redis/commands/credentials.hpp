#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `credentials rotate|ls|show`.
std::vector<ComponentCommand> credentials_commands();

}  // namespace raibid
