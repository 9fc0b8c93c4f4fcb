#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command_table.hpp"

namespace raibid {

/// Completion scripts: templates/completion, filled in from the table.
std::string bash_completion(const CommandTable& table);
std::string zsh_completion(const CommandTable& table);
std::string fish_completion(const CommandTable& table);

/// What an option's value may be, as far as that is known: words to offer, and whether files are meant.
struct ValueWords {
  std::vector<std::string> words;
  bool files = false;
};
ValueWords value_words(const OptionSpec& option);

/// "-n", "--namespace"
std::vector<std::string> option_names(const OptionSpec& option);

/// The names of the options that take a value, of every command, with `separator` between them.
std::string value_options(const CommandTable& table, std::string_view separator);

/// A verb's summary: that of its command, or the words that may stand behind it.
std::string verb_summary(const CommandTable& table, const std::string& verb);

/// How bash and zsh name a row in `case $verb/$object in`: "setup/redis", "status/ | status/redis".
std::string shell_pattern(const CommandRow& row);

}  // namespace raibid
