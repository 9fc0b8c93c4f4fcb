#include "cli/help.hpp"

#include "base/strings.hpp"
#include "cli/problems.hpp"
#include "components/presets.hpp"
#include "config/settings.hpp"
#include "ui/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace raibid {

namespace {

constexpr std::size_t option_column = 34;  // where the text beside an option begins
constexpr std::size_t narrow_column = 8;   // the same where that would leave too little room
constexpr std::size_t least_text = 30;

/// The commands of the first screen.
constexpr std::array<std::string_view, 5> main_job = {"setup redis", "status redis", "connect redis", "smoke redis",
                                                      "teardown redis"};

/// Help for a terminal of some width.
class Help {
 public:
  Help(const CommandTable& table, std::size_t width) : m_table(table), m_width(width) {}

  std::string first_screen() const;
  std::string whole() const;
  std::string of_verb(const std::string& verb) const;
  std::string of_command(const CommandRow& row) const;

 private:
  std::string beside(const std::string& left, const std::string& text, std::size_t column) const;
  std::string paragraph(std::string_view text) const;
  std::string option_line(const OptionSpec& option) const;
  std::string option_sections(const std::vector<OptionSpec>& options, std::string_view heading) const;
  std::string command_lines(const std::vector<const CommandRow*>& rows) const;

  const CommandTable& m_table;
  std::size_t m_width;
};

/// `left`, and `text` beside it from `column` on, broken between words.
std::string Help::beside(const std::string& left, const std::string& text, std::size_t column) const {
  if (column + least_text > m_width) column = narrow_column;
  const std::string margin(column, ' ');
  const bool fits = display_width(left) + 2 <= column;
  std::string lines = fits ? padded(left, column) : left + "\n" + margin;
  const std::vector<std::string> folds = folded(text, m_width - column);
  return lines + join(folds, "\n" + margin) + "\n";
}

std::string Help::paragraph(std::string_view text) const { return join(folded(text, m_width), "\n") + "\n"; }

std::string Help::option_line(const OptionSpec& option) const {
  const std::string letter = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "    ";
  const std::string name = value_name(option);
  const std::string value = name.empty() ? "" : takes_next_word(option) ? " " + name : fmt::format("[={}]", name);
  const std::string left = fmt::format("  {}--{}{}", letter, option.name, value);
  return beside(left, described_option(option), option_column);
}

/// The options by group, in the order in which the groups first appear.
std::string Help::option_sections(const std::vector<OptionSpec>& options, std::string_view heading) const {
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

std::string Help::command_lines(const std::vector<const CommandRow*>& rows) const {
  std::size_t column = 0;
  for (const CommandRow* row : rows) column = std::max(column, display_width(row->usage()) + 4);
  std::string text;
  for (const CommandRow* row : rows) text += beside("  " + row->usage(), row->summary, column);
  return text;
}

std::string Help::first_screen() const {
  std::vector<const CommandRow*> first;
  std::vector<std::string> others;
  for (const CommandRow& row : m_table.rows()) {
    const bool main = std::find(main_job.begin(), main_job.end(), row.verb + " " + row.object) != main_job.end();
    if (main)
      first.push_back(&row);
    else if (std::find(others.begin(), others.end(), row.verb) == others.end())
      others.push_back(row.verb);
  }
  std::string text = paragraph(about_program) + "\nUsage: raibid-cli COMMAND [options]\n";
  if (!first.empty()) text += "\n";
  for (const CommandRow* row : first) text += beside("  " + row->name(), row->summary, 18);
  text += "\nMore commands:\n" + beside("", join(others, ", "), 2);
  text += "\nBegin with one of these:\n";
  text += beside("  raibid-cli setup redis", "on the cluster of your kubeconfig", 42);
  text += beside("  raibid-cli setup redis --target local", "on this machine", 42);
  text += "\n" + beside("  raibid-cli help COMMAND", "its options, with examples", 42);
  text += beside("  raibid-cli help all", "every command, settings, exit codes", 42);
  return text;
}

std::string Help::whole() const {
  std::vector<const CommandRow*> commands;
  std::vector<const CommandRow*> own;
  for (const CommandRow& row : m_table.rows()) (row.own ? own : commands).push_back(&row);
  std::string text = paragraph(about_program) + "\nUsage: raibid-cli COMMAND [options]\n";
  if (!commands.empty()) text += "\nCommands:\n" + command_lines(commands);
  text += "\nThe program itself:\n" + command_lines(own);
  text += "\nOptions of every command:\n";
  text += beside("  -h, --help", "what a command does, and its options", option_column);
  text += beside("      --version", "the program's version", option_column);
  text += option_sections(global_options(), "Options");
  return text + "\n" + paragraph(about_settings) + "\n" + paragraph(about_exit_codes);
}

std::string Help::of_verb(const std::string& verb) const {
  return fmt::format(
      "Usage: raibid-cli {} {} [options]\n\n{}\nraibid-cli help {} {} shows the options of one of them.\n", verb,
      join(m_table.objects_of(verb), "|"), command_lines(m_table.rows_of(verb)), verb,
      m_table.objects_of(verb).front());
}

std::string Help::of_command(const CommandRow& row) const {
  std::string text = paragraph(row.summary);
  if (!row.details.empty()) text += paragraph(row.details);
  text += fmt::format("\nUsage: raibid-cli {} [options]\n", row.usage());
  text += option_sections(row.options, "Options");
  if (!row.own) text += option_sections(global_options(), "Options");
  if (!row.examples.empty()) text += "\nExamples:\n";
  for (const std::string& example : row.examples) text += "  " + example + "\n";
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

std::string described_option(const OptionSpec& option) {
  std::string text(option.help);
  std::vector<std::string> notes;
  if (option.kind == OptionKind::list) notes.emplace_back("repeatable");
  if (option.name == "preset") notes.push_back(join(builtin_presets(), ", "));
  if (!option.default_value.empty()) notes.push_back(fmt::format("default {}", option.default_value));
  if (!option.flag_only) notes.push_back(variable_name(option.name));
  return notes.empty() ? text : fmt::format("{} [{}]", text, join(notes, "; "));
}

std::string help_text(const CommandTable& table, const std::string& verb, const std::string& object,
                      std::size_t width) {
  const Help help(table, width);
  if (verb.empty()) return help.first_screen();
  if (verb == "all" && object.empty()) return help.whole();
  const std::vector<const CommandRow*> rows = table.rows_of(verb);
  if (rows.empty()) throw unknown_command(table, verb);
  if (object.empty() && rows.size() > 1) return help.of_verb(verb);
  const CommandRow* row = object.empty() ? rows.front() : table.find(verb, object);
  if (row == nullptr) throw unknown_object(table, verb, object);
  return help.of_command(*row);
}

std::size_t help_width(const Terminal& terminal) {
  constexpr std::size_t of_a_pipe = 80;
  if (!terminal.results_rewrite) return of_a_pipe;
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::max(terminal.width(), 0)), 40, 100);
}

}  // namespace raibid
