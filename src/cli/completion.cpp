#include "cli/completion.hpp"

#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/complete.hpp"
#include "components/presets.hpp"
#include "components/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace raibid {

namespace {

/// A word of a metavar that is meant as it stands: "embedded" in "embedded|bitnami|PATH".
bool is_literal(const std::string& word) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; };
  return !word.empty() && std::all_of(word.begin(), word.end(), plain);
}

CommandRow completion_row(const std::string& shell, std::string (*script)(const CommandTable&),
                          const std::string& place) {
  CommandRow row;
  row.verb = "completion";
  row.object = shell;
  row.summary = fmt::format("The completion script for {}", shell);
  row.details = fmt::format("Keep it as {}.\n", place);
  row.examples = {fmt::format("raibid-cli completion {} > completion.{}", shell, shell)};
  row.run = [script](const Call& call) { return CommandResult{script(call.table), 0}; };
  return row;
}

}  // namespace

ValueWords value_words(const OptionSpec& option) {
  ValueWords values;
  values.words.assign(option.choices.begin(), option.choices.end());
  values.names = plural_of(option.names);
  if (option.name == "preset") values.words = builtin_presets();
  for (const std::string& part : split(option.metavar, '|')) {
    if (part == "FILE" || part == "PATH") {
      values.files = true;
    } else if (option.choices.empty() && is_literal(part)) {
      values.words.push_back(part);
    }
  }
  return values;
}

ValueWords argument_words(const CommandTable& table, const CommandRow& row) {
  ValueWords values;
  if (row.takes_command()) return values;
  std::string words = row.arguments;
  std::replace_if(
      words.begin(), words.end(), [](char c) { return c < 'A' || c > 'Z'; }, ' ');
  for (const std::string& word : split(words, ' ')) {
    if (is_one_of(word, {"FILE", "FOLDER", "TO", "FROM"})) values.files = true;
    if (word == "NAME" && row.verb == "presets") values.words = builtin_presets();
    if (word != "KEY") continue;
    for (const OptionSpec& option : all_options(table.components())) {
      if (!option.flag_only && !option.not_in_files) values.words.emplace_back(option.name);
    }
  }
  return values;
}

std::vector<std::string> option_names(const OptionSpec& option) {
  std::vector<std::string> names;
  if (option.letter != 0) names.push_back(std::string("-") + option.letter);
  names.push_back(fmt::format("--{}", option.name));
  return names;
}

std::string value_options(const CommandTable& table, std::string_view separator) {
  std::vector<std::string> names;
  for (const OptionSpec& option : all_options(table.components())) {
    if (!takes_next_word(option)) continue;
    for (std::string& name : option_names(option)) names.push_back(std::move(name));
  }
  return join(names, separator);
}

std::string verb_summary(const CommandTable& table, const std::string& verb) {
  const std::vector<const CommandRow*> rows = table.rows_of(verb);
  if (rows.size() == 1) return rows.front()->summary;
  return join(table.objects_of(verb), ", ");
}

std::string shell_pattern(const CommandRow& row) {
  if (!row.object_optional) return fmt::format("{}/{}", row.verb, row.object);
  return fmt::format("{0}/ | {0}/{1}", row.verb, row.object);
}

std::vector<CommandRow> completion_rows() {
  return {completion_row("bash", bash_completion, "~/.local/share/bash-completion/completions/raibid-cli"),
          completion_row("zsh", zsh_completion, "a file _raibid-cli in a folder of $fpath"),
          completion_row("fish", fish_completion, "~/.config/fish/completions/raibid-cli.fish")};
}

}  // namespace raibid
