#pragma once

#include <optional>
#include <vector>

#include "cli/commands.hpp"
#include "cli/shown_timeline.hpp"

namespace raibid {

struct Context;

/// What a command works with: the settings of all sources for `options`; warnings about them are given. Throws as
/// open_session. `timeline` gets the one of --timing, and must outlive the context.
Context make_context(const Call& call, const std::vector<OptionSpec>& options, std::optional<ShownTimeline>& timeline);

/// A component's command: settings resolved, then the component's own function.
CommandResult run_component_command(const Call& call, const Component& component, const ComponentCommand& command);

}  // namespace raibid
