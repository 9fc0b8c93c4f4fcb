#pragma once

#include <string>

#include "components/context.hpp"

namespace raibid {

/// Asks before a change that clients notice; `what` says what they notice, `by_hand` is the command that does it
/// without a question. Throws Error: (failure) for a no, (usage) when there is no terminal to ask on.
void ask_first(Context& context, const std::string& what, const std::string& by_hand);

/// The same, with `command` and `flags` as the command; --yes answers, and a dry run asks nothing.
void agree(Context& context, const std::string& what, const char* command, const std::string& flags);

}  // namespace raibid
