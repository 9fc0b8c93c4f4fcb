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

/// What a value may be, as far as that is known: words to offer, whether files are meant, and what `raibid-cli
/// __complete` is asked for ("contexts"), or "".
struct ValueWords {
  std::vector<std::string> words;
  bool files = false;
  std::string names{};

  bool known() const { return files || !words.empty() || !names.empty(); }
};
ValueWords value_words(const OptionSpec& option);

/// The same of the words that may stand behind a command.
ValueWords argument_words(const CommandTable& table, const CommandRow& row);

/// "-n", "--namespace"
std::vector<std::string> option_names(const OptionSpec& option);

/// The names of the options that take a value, of every command, with `separator` between them.
std::string value_options(const CommandTable& table, std::string_view separator);

/// A verb's summary: that of its command, or the words that may stand behind it.
std::string verb_summary(const CommandTable& table, const std::string& verb);

/// How bash and zsh name a row in `case $verb/$object in`: "setup/redis", "status/ | status/redis".
std::string shell_pattern(const CommandRow& row);

}  // namespace raibid
