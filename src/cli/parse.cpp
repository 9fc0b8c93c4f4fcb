#include "cli/parse.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "cli/command_table.hpp"
#include "cli/problems.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace raibid {

namespace {

bool looks_like_option(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

/// The tree of CLI11's apps for the table. It only takes words and options apart; which of them make sense is decided
/// below.
class Parser {
 public:
  Parser(const CommandTable& table, std::span<const std::string> arguments) {
    m_app.set_help_flag();
    m_app.allow_extras();
    m_app.require_subcommand(0, 1);
    m_help = m_app.add_flag("-h,--help");
    m_version = m_app.add_flag("--version");
    add_options(m_app, global_options());
    for (const std::string& verb : table.verbs()) {
      // the others cannot be parsed, and building them is most of what parsing costs
      if (std::find(arguments.begin(), arguments.end(), verb) != arguments.end()) add_verb(table, verb);
    }
  }

  Invocation parse(std::span<const std::string> arguments) {
    try {
      m_app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last first
    } catch (const CLI::ArgumentMismatch&) {
      throw missing_value(arguments.back());  // only the last one can have nothing behind it
    } catch (const CLI::ParseError& error) {
      throw Error(ExitCode::usage, error.what());
    }
    Invocation invocation;
    invocation.help = m_help->count() > 0;
    invocation.version = m_version->count() > 0;
    for (const CLI::App* verb : m_app.get_subcommands()) {
      invocation.verb = verb->get_name();
      for (const CLI::App* object : verb->get_subcommands()) invocation.object = object->get_name();
    }
    take_flags(invocation.flags);
    invocation.arguments = m_app.remaining();
    return invocation;
  }

 private:
  void add_verb(const CommandTable& table, const std::string& verb) {
    CLI::App* app = add_app(m_app, verb);
    for (const CommandRow* row : table.rows_of(verb)) {
      CLI::App* object = row->object.empty() ? app : add_app(*app, row->object);
      add_options(row->object_optional ? *app : *object, row->options);
    }
  }

  static CLI::App* add_app(CLI::App& parent, const std::string& name) {
    CLI::App* app = parent.add_subcommand(name);
    app->set_help_flag();
    app->fallthrough();  // global options may stand anywhere
    app->require_subcommand(0, 1);
    return app;
  }

  void add_options(CLI::App& app, const std::vector<OptionSpec>& options) {
    for (const OptionSpec& option : options) m_options.emplace_back(add_option(app, option), &option);
  }

  static CLI::Option* add_option(CLI::App& app, const OptionSpec& option) {
    std::string names = "--" + std::string(option.name);
    if (option.letter != 0) names = std::string("-") + option.letter + "," + names;
    if (!takes_next_word(option)) return app.add_flag(names);
    return app.add_option(names, [](const CLI::results_t&) { return true; })
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }

  void take_flags(SettingMap& flags) const {
    for (const auto& [parsed, option] : m_options) {
      if (parsed->count() == 0) continue;
      std::vector<std::string> values = parsed->results();
      if (option->kind != OptionKind::list) values = {values.back()};
      if (!option->implicit_value.empty() && values.front() == "true") values = {std::string(option->implicit_value)};
      flags[std::string(option->name)] = Setting{std::move(values), {Source::flag, "--" + std::string(option->name)}};
    }
  }

  CLI::App m_app;
  CLI::Option* m_help = nullptr;
  CLI::Option* m_version = nullptr;
  std::vector<std::pair<CLI::Option*, const OptionSpec*>> m_options;
};

/// CLI11 would take the next word for the value of "--name=".
void refuse_empty_values(std::span<const std::string> arguments) {
  for (const std::string& word : arguments) {
    if (word.starts_with("--") && word.find('=') == word.size() - 1)
      throw missing_value(word.substr(0, word.size() - 1));
  }
}

/// "-o=json" as "-ojson": CLI11 would take the "=" for a part of the value, kubectl and helm do not.
std::vector<std::string> without_short_equals(std::span<const std::string> arguments) {
  std::vector<std::string> words(arguments.begin(), arguments.end());
  for (std::string& word : words) {
    if (word.size() > 3 && word[0] == '-' && word[1] != '-' && word[2] == '=') word.erase(2, 1);
  }
  return words;
}

/// The words that CLI11 had no place for: arguments, or a mistake.
void place_words(const CommandTable& table, Invocation& invocation, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (looks_like_option(word)) throw unknown_option(table, invocation, word);
  }
  if (words.empty() || (invocation.row != nullptr && invocation.row->takes_words())) return;
  if (invocation.verb.empty()) throw unknown_command(table, words.front());
  if (const auto problem = value_without_equals(invocation, words.front())) throw *problem;
  if (invocation.object.empty() && !table.rows_of(invocation.verb).front()->object.empty()) {
    throw unknown_object(table, invocation.verb, words.front());
  }
  throw unexpected_word(*invocation.row, words);
}

}  // namespace

Invocation parse_arguments(const CommandTable& table, std::span<const std::string> arguments) {
  const auto mark = std::find(arguments.begin(), arguments.end(), "--");
  const std::vector<std::string> before = without_short_equals({arguments.begin(), mark});
  const bool has_mark = mark != arguments.end();
  refuse_empty_values(before);

  Invocation invocation = Parser(table, before).parse(before);
  const std::vector<std::string> words = invocation.arguments;
  invocation.row = table.find(invocation.verb, invocation.object);
  const bool wants_help = invocation.help && (!invocation.verb.empty() || words.empty());
  if (wants_help || invocation.version) return invocation;

  place_words(table, invocation, words);
  if (invocation.verb.empty() && !has_mark) {
    invocation.help = true;  // nothing was asked for
    return invocation;
  }
  if (invocation.row == nullptr) throw missing_word(table, invocation.verb);
  if (has_mark) {
    if (!invocation.row->takes_command() && !invocation.row->takes_words()) {
      throw unexpected_word(*invocation.row, {mark, arguments.end()});
    }
    invocation.arguments.insert(invocation.arguments.end(), mark + 1, arguments.end());
  }
  return invocation;
}

}  // namespace raibid
