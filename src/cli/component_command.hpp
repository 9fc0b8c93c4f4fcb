#pragma once

#include "cli/commands.hpp"

namespace raibid {

/// A component's command: settings resolved, then the component's own function.
CommandResult run_component_command(const Call& call, const Component& component, const ComponentCommand& command);

}  // namespace raibid
