#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `history`, `rollback` and `upgrade`: what a Redis was, and the way back and forward.
std::vector<ComponentCommand> revision_commands();

}  // namespace raibid
