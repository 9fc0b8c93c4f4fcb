#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "cli/command_table.hpp"
#include "cli/invocation.hpp"

namespace raibid {

/// What is wrong with a command line, each with the nearest thing that exists and a command that works.

Error unknown_command(const CommandTable& table, const std::string& word);
/// `verb` does not take this word.
Error unknown_object(const CommandTable& table, const std::string& verb, const std::string& word);
/// `verb` stands alone and needs a word behind it, or there is no verb at all.
Error missing_word(const CommandTable& table, const std::string& verb);
Error unknown_option(const CommandTable& table, const Invocation& invocation, const std::string& word);
Error missing_value(const std::string& option);
/// Words behind a command that takes none, or takes them behind "--" only.
Error unexpected_word(const CommandRow& row, const std::vector<std::string>& words);

/// `word` is the value of an option whose value may be left out, and which takes one only behind "=";
/// otherwise nothing.
std::optional<Error> value_without_equals(const Invocation& invocation, const std::string& word);

/// The words of other tools for which unknown_command knows a command of ours.
std::vector<std::string_view> foreign_words();

}  // namespace raibid
