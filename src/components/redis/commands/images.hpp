#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `images redis`: the container images that setup with these settings makes a cluster pull, a line each. Asks no
/// cluster and starts no helm. Throws Error (usage) for a chart other than the embedded one, whose images only helm
/// knows.
std::vector<std::string> images_of(Context& context);
CommandResult images_redis(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
