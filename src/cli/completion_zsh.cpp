#include "assets/assets.hpp"
#include "assets/render.hpp"
#include "base/strings.hpp"
#include "cli/completion.hpp"

#include <fmt/format.h>

namespace raibid {

namespace {

std::string in_single_quotes(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// `text` with the characters escaped that mean something where it stands.
std::string escaped(std::string_view text, std::string_view special) {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

std::string action(const ValueWords& known) {
  if (!known.names.empty()) return " _raibid_cli_names " + known.names;
  const std::string words = join(known.words, " ");
  if (known.files) return known.words.empty() ? "_files" : " _raibid_cli_words_or_file " + words;
  return known.words.empty() ? " " : "(" + words + ")";
}

/// "[help]:METAVAR:action" of an _arguments specification.
std::string explained(const OptionSpec& option) {
  const std::string help = fmt::format("[{}]", escaped(option.help, "[]\\:"));
  if (!takes_next_word(option)) return help;
  return fmt::format("{}:{}:{}", help, escaped(option.metavar.empty() ? "value" : option.metavar, "\\:"),
                     action(value_words(option)));
}

/// One option for _arguments: a word for each of its names. Those that may not be repeated exclude each other.
std::string specification(const OptionSpec& option) {
  const std::vector<std::string> names = option_names(option);
  const bool list = option.kind == OptionKind::list;
  const std::string before = list ? "*" : names.size() > 1 ? fmt::format("({})", join(names, " ")) : "";
  std::vector<std::string> words;
  for (const std::string& name : names) {
    const std::string_view value = !takes_next_word(option) ? "" : name.starts_with("--") ? "=" : "+";
    words.push_back(in_single_quotes(fmt::format("{}{}{}{}", before, name, value, explained(option))));
  }
  return join(words, " ");
}

std::string specifications(const std::vector<OptionSpec>& options, std::string_view indent) {
  std::string lines;
  for (const OptionSpec& option : options) lines += fmt::format("{}{}\n", indent, specification(option));
  return lines;
}

/// A word for _describe.
std::string described(std::string_view word, std::string_view summary) {
  return in_single_quotes(fmt::format("{}:{}", escaped(word, "\\:"), summary));
}

std::string zsh_options(const CommandTable& table) {
  std::string cases;
  for (const CommandRow& row : table.rows()) {
    const ValueWords words = argument_words(table, row);
    if (row.options.empty() && !row.takes_command() && !words.known()) continue;
    cases += fmt::format("    {})\n", shell_pattern(row));
    if (!row.options.empty())
      cases += fmt::format("      options+=(\n{}      )\n", specifications(row.options, "        "));
    if (row.takes_command()) cases += "      [[ -n $dashes ]] && positions+=('*::: :_normal')\n";
    if (words.known()) {
      if (row.object.empty()) cases += "      positions=('1: :_raibid_cli_verbs')\n";
      cases += fmt::format("      positions+=({})\n", in_single_quotes("*: :" + action(words)));
    }
    cases += "      ;;\n";
  }
  return cases;
}

std::string verbs(const CommandTable& table) {
  std::string lines;
  for (const std::string& verb : table.verbs())
    lines += fmt::format("    {}\n", described(verb, verb_summary(table, verb)));
  return lines;
}

std::string zsh_objects(const CommandTable& table) {
  std::string cases;
  for (const std::string& verb : table.verbs()) {
    std::vector<std::string> words;
    for (const CommandRow* row : table.rows_of(verb)) {
      if (!row->object.empty()) words.push_back(described(row->object, row->summary));
    }
    if (!words.empty()) cases += fmt::format("    {}) objects=({}) ;;\n", verb, join(words, " "));
  }
  return cases;
}

}  // namespace

std::string zsh_completion(const CommandTable& table) {
  const std::string file = "completion/zsh";
  return render(asset(file),
                {{"value_options", value_options(table, " | ")},
                 {"global_options", specifications(global_options(), "    ")},
                 {"options", zsh_options(table)},
                 {"verbs", verbs(table)},
                 {"objects", zsh_objects(table)}},
                file);
}

}  // namespace raibid
