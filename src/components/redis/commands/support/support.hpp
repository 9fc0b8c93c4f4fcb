#pragma once

#include <string>
#include <vector>

#include "components/component.hpp"

namespace raibid {

/// `support redis [FILE]`: one archive for an issue, without what does not leave this machine.
CommandResult support_redis(Context& context, const std::vector<std::string>& arguments);

}  // namespace raibid
