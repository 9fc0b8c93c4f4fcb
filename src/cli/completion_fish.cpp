#include "assets/assets.hpp"
#include "assets/render.hpp"
#include "base/strings.hpp"
#include "cli/completion.hpp"

#include <fmt/format.h>

namespace raibid {

namespace {

/// In fish's single quotes a backslash escapes itself and the quote, nothing else.
std::string in_single_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string option_line(const std::string& condition, const OptionSpec& option) {
  std::string line = fmt::format("complete -c raibid-cli -n {}", in_single_quotes(condition));
  if (option.letter != 0) line += fmt::format(" -s {}", option.letter);
  line += fmt::format(" -l {}", option.name);
  if (takes_next_word(option)) {
    const ValueWords known = value_words(option);
    line += known.files ? " -r -F" : " -x";
    if (!known.words.empty()) line += fmt::format(" -a {}", in_single_quotes(join(known.words, " ")));
    if (!known.names.empty()) line += fmt::format(" -a '(__raibid_cli_names {})'", known.names);
  }
  return fmt::format("{} -d {}\n", line, in_single_quotes(option.help));
}

/// `word` as the next one where `words` are there, and as the next of "help".
std::string word_lines(const std::string& words, const std::string& word, const std::string& summary) {
  std::string lines;
  for (const std::string before : {"", " help"}) {
    lines += fmt::format("complete -c raibid-cli -n {} -a {} -d {}\n",
                         in_single_quotes("__raibid_cli_at" + before + words), word, in_single_quotes(summary));
  }
  return lines;
}

std::string lines(const CommandTable& table) {
  std::string text;
  for (const std::string& verb : table.verbs()) {
    text += word_lines("", verb, verb_summary(table, verb));
    for (const CommandRow* row : table.rows_of(verb)) {
      if (!row->object.empty()) text += word_lines(" " + verb, row->object, row->summary);
    }
  }
  for (const CommandRow& row : table.rows()) {
    std::string condition = "__raibid_cli_at " + row.name();
    if (row.object_optional) condition += "; or __raibid_cli_at " + row.verb;
    for (const OptionSpec& option : row.options) text += option_line(condition, option);
    const ValueWords words = argument_words(table, row);
    if (!words.known()) continue;
    text += fmt::format("complete -c raibid-cli -n {}", in_single_quotes("__raibid_cli_at " + row.name()));
    if (words.files) text += " -F";
    if (!words.words.empty()) text += fmt::format(" -a {}", in_single_quotes(join(words.words, " ")));
    text += "\n";
  }
  for (const OptionSpec& option : global_options()) text += option_line("not __raibid_cli_behind_dashes", option);
  return text;
}

}  // namespace

std::string fish_completion(const CommandTable& table) {
  const std::string file = "completion/fish";
  return render(asset(file), {{"value_options", value_options(table, " ")}, {"lines", lines(table)}}, file);
}

}  // namespace raibid
