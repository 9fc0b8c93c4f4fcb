#pragma once

#include "components/component.hpp"

namespace raibid {

/// `smoke redis`: does on the real server what the preset's application does, under a prefix that is removed
/// afterwards, and prints each operation with the time it took. Exit code 0 only when all pass. With --durability,
/// smoke_durability.
CommandResult smoke_redis(Context& context, const std::vector<std::string>& arguments);
std::vector<OptionSpec> smoke_options();

}  // namespace raibid
