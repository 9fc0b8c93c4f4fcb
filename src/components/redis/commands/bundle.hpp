#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `bundle redis FILE`: what a machine without network needs, as one archive: this program, the chart and
/// the list of images.
CommandResult bundle_redis(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
