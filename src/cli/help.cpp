#include "cli/help.hpp"

#include "base/strings.hpp"
#include "cli/problems.hpp"
#include "components/presets.hpp"
#include "config/settings.hpp"
#include "ui/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace raibid {

namespace {

constexpr std::size_t width = 100;         // of a line
constexpr std::size_t option_column = 34;  // where the text beside an option begins

constexpr std::string_view about =
    "Sets up Redis for job queues on Kubernetes (or on this machine), proves that it works, and takes it away again.\n";

constexpr std::string_view about_settings =
    "Settings come from options, then RAIBID_ variables, then ~/.raibid/config.yaml (RAIBID_HOME moves the\n"
    "folder), then the preset, then defaults; 'raibid-cli config show' lists them all.\n";

constexpr std::string_view about_exit_codes =
    "Exit codes: 0 done, 1 unhealthy or failed without a change, 2 usage, 3 refused before any change,\n"
    "4 failed and rolled back, 5 something remains, 6 not installed, 128+N ended by signal N.\n";

/// `left`, and `text` beside it from `column` on, broken between words.
std::string beside(const std::string& left, const std::string& text, std::size_t column) {
  const std::string margin(column, ' ');
  const bool fits = display_width(left) + 2 <= column;
  std::string lines = fits ? padded(left, column) : left + "\n" + margin;
  const std::vector<std::string> folds = folded(text, width - column);
  return lines + join(folds, "\n" + margin) + "\n";
}

std::string described(const OptionSpec& option) {
  std::string text(option.help);
  std::vector<std::string> notes;
  if (option.kind == OptionKind::list) notes.emplace_back("repeatable");
  if (option.name == "preset") notes.push_back(join(builtin_presets(), ", "));
  if (!option.default_value.empty()) notes.push_back(fmt::format("default {}", option.default_value));
  if (!option.flag_only) notes.push_back(variable_name(option.name));
  return notes.empty() ? text : fmt::format("{} [{}]", text, join(notes, "; "));
}

std::string option_line(const OptionSpec& option) {
  const std::string letter = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "    ";
  const std::string value = value_name(option);
  const std::string left = fmt::format("  {}--{}{}{}", letter, option.name, value.empty() ? "" : " ", value);
  return beside(left, described(option), option_column);
}

/// The options by group, in the order in which the groups first appear.
std::string option_sections(const std::vector<OptionSpec>& options, std::string_view heading) {
  std::vector<std::pair<std::string, std::string>> sections;
  for (const OptionSpec& option : options) {
    const std::string title = option.group.empty() ? std::string(heading) : std::string(option.group);
    const auto same = [&title](const auto& section) { return section.first == title; };
    auto section = std::find_if(sections.begin(), sections.end(), same);
    if (section == sections.end()) section = sections.insert(sections.end(), {title, ""});
    section->second += option_line(option);
  }
  std::string text;
  for (const auto& [title, lines] : sections) text += fmt::format("\n{}:\n{}", title, lines);
  return text;
}

std::string command_lines(const std::vector<const CommandRow*>& rows) {
  std::size_t column = 0;
  for (const CommandRow* row : rows) column = std::max(column, display_width(row->usage()) + 4);
  std::string text;
  for (const CommandRow* row : rows) text += beside("  " + row->usage(), row->summary, column);
  return text;
}

std::string program_help(const CommandTable& table) {
  std::vector<const CommandRow*> commands;
  std::vector<const CommandRow*> own;
  for (const CommandRow& row : table.rows()) (row.own ? own : commands).push_back(&row);
  std::string text = fmt::format("{}\nUsage: raibid-cli COMMAND [options]\n", about);
  if (!commands.empty()) text += "\nCommands:\n" + command_lines(commands);
  text += "\nThe program itself:\n" + command_lines(own);
  text += "\nOptions of every command:\n";
  text += beside("  -h, --help", "what a command does, and its options", option_column);
  text += beside("      --version", "the program's version", option_column);
  text += option_sections(global_options(), "Options");
  return fmt::format("{}\n{}\n{}", text, about_settings, about_exit_codes);
}

std::string command_help(const CommandRow& row) {
  std::string text = fmt::format("{}\n{}\nUsage: raibid-cli {} [options]\n", row.summary, row.details, row.usage());
  text += option_sections(row.options, "Options");
  if (!row.own) text += option_sections(global_options(), "Options");
  return text;
}

}  // namespace

std::string value_name(const OptionSpec& option) {
  if (!option.metavar.empty()) return std::string(option.metavar);
  switch (option.kind) {
    case OptionKind::flag:
      return "";
    case OptionKind::choice: {
      const std::vector<std::string> choices(option.choices.begin(), option.choices.end());
      return join(choices, "|");
    }
    case OptionKind::integer:
      return "NUMBER";
    case OptionKind::duration:
      return "TIME";
    case OptionKind::bytes:
      return "SIZE";
    case OptionKind::cpu:
      return "CPU";
    case OptionKind::text:
    case OptionKind::list:
      break;
  }
  return "VALUE";
}

std::string help_text(const CommandTable& table, const std::string& verb, const std::string& object) {
  if (verb.empty()) return program_help(table);
  const std::vector<const CommandRow*> rows = table.rows_of(verb);
  if (rows.empty()) throw unknown_command(table, verb);
  if (object.empty() && rows.size() > 1) {
    return fmt::format("Usage: raibid-cli {} {} [options]\n\n{}", verb, join(table.objects_of(verb), "|"),
                       command_lines(rows));
  }
  const CommandRow* row = object.empty() ? rows.front() : table.find(verb, object);
  if (row == nullptr) throw unknown_object(table, verb, object);
  return command_help(*row);
}

}  // namespace raibid
