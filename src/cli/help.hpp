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

/// What it is and does, for help and man pages.
inline constexpr std::string_view about_program =
    "Sets up Redis for job queues on Kubernetes or on this machine, proves that it works, and removes it again.";

inline constexpr std::string_view about_settings =
    "Settings come from options, then RAIBID_ variables, then ~/.raibid/config.yaml (RAIBID_HOME moves the folder), "
    "then "
    "the preset, then defaults; 'raibid-cli config show' lists them all.";

inline constexpr std::string_view about_exit_codes =
    "Exit codes: 0 done, 1 unhealthy or failed without a change, 2 usage, 3 refused before any change, 4 failed and "
    "rolled back, 5 something remains, 6 not installed, 128+N ended by signal N.";

/// The text beside an option: what it does, its default, its variable.
std::string described_option(const OptionSpec& option);

/// How an option's value is written: "SIZE", "table|json|yaml"; "" for a flag.
std::string value_name(const OptionSpec& option);

}  // namespace raibid
