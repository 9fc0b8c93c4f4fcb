#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/cli.hpp"
#include "config/option.hpp"

namespace raibid {

/// The completion scripts call it, and nobody else: it is in no help.
inline constexpr const char* complete_command = "__complete";

/// "contexts", "namespaces", "releases", "storage-classes": what `raibid-cli __complete` calls them.
std::string plural_of(NamedThing thing);

/// `raibid-cli __complete THINGS WORD…`: writes the names of such things, one a line, for the command line WORD… that
/// is being typed. Never fails, says nothing else, and is over in 150 ms.
int complete(std::span<const std::string> arguments, const CliDependencies& dependencies,
             const std::vector<Component>& components);

}  // namespace raibid
