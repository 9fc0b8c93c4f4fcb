#pragma once

#include <string>
#include <string_view>

#include "cli/command_table.hpp"

namespace raibid {

/// What --help says of the program (no verb), of a verb with several commands, or of one command. Throws Error (usage)
/// for words that are none.
std::string help_text(const CommandTable& table, const std::string& verb, const std::string& object);

/// How an option's value is written: "SIZE", "table|json|yaml"; "" for a flag.
std::string value_name(const OptionSpec& option);

}  // namespace raibid
