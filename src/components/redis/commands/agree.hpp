#pragma once

#include <string>

#include "components/context.hpp"

namespace raibid {

/// Asks before a change that clients notice; `what` says what they notice. --yes answers, and a dry run asks nothing.
/// Throws Error (failure) for a no, and without a terminal, where the hint is `command` with `flags` and --yes.
void agree(Context& context, const std::string& what, const char* command, const std::string& flags);

}  // namespace raibid
