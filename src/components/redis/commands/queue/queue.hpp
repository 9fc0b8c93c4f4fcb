#pragma once

#include <vector>

#include "components/component.hpp"

namespace raibid {

/// The commands `queue …`: see, feed and repair a queue on a Redis Stream. All throw Error (not_installed) without a
/// Redis, and act on the stream and group that --stream and --group name, else on the preset's first.
std::vector<ComponentCommand> queue_commands();

}  // namespace raibid
