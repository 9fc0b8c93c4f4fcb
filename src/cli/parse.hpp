#pragma once

#include <span>
#include <string>

#include "cli/invocation.hpp"

namespace raibid {

class CommandTable;

/// Reads the arguments (without the program's name). Values are taken as they are; what they must look like is for
/// resolve_settings. Throws Error (usage): a command, component or option that does not exist (the nearest is named), a
/// missing one, a missing value, a word too many.
Invocation parse_arguments(const CommandTable& table, std::span<const std::string> arguments);

}  // namespace raibid
