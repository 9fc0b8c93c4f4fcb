#pragma once

#include <string>
#include <string_view>

#include "cli/command_table.hpp"
#include "ui/terminal.hpp"

namespace raibid {

/// What --help says of the program (no verb: a first screen of 24 rows; "all": everything), of a verb with several
/// commands, or of one command, in lines of at most `width` columns where words allow it. Throws Error (usage) for an
/// unknown command.
std::string help_text(const CommandTable& table, const std::string& verb, const std::string& object, std::size_t width);

/// The columns that help may take: the terminal's (40 to 100), and 80 in a pipe.
std::size_t help_width(const Terminal& terminal);

/// How an option's value is written: "SIZE", "table|json|yaml"; "" for a flag.
std::string value_name(const OptionSpec& option);

}  // namespace raibid
