#include "cli/problems.hpp"

#include "base/strings.hpp"
#include "config/yaml_settings.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace raibid {

namespace {

Error mistake(std::string message, std::string hint) {
  return Error(ExitCode::usage, std::move(message), std::move(hint));
}

void add_names(std::vector<std::string>& names, const std::vector<OptionSpec>& options) {
  for (const OptionSpec& option : options) names.push_back("--" + std::string(option.name));
}

/// What people type who know other tools, and the command that does it.
constexpr std::pair<std::string_view, std::string_view> synonyms[] = {
    {"install", "setup redis"},
    {"create", "setup redis"},
    {"deploy", "setup redis"},
    {"apply", "setup redis"},
    {"init", "setup redis"},
    {"up", "setup redis"},
    {"update", "upgrade redis"},
    {"undo", "rollback redis"},
    {"revert", "rollback redis"},
    {"revisions", "history redis"},
    {"diff", "setup redis --diff"},
    {"start", "setup redis"},
    {"uninstall", "teardown redis"},
    {"delete", "teardown redis"},
    {"remove", "teardown redis"},
    {"rm", "teardown redis"},
    {"destroy", "teardown redis"},
    {"down", "teardown redis"},
    {"list", "status --all"},
    {"ls", "status --all"},
    {"ps", "status --all"},
    {"get", "status --all"},
    {"check", "doctor"},
    {"health", "status"},
    {"info", "status"},
    {"describe", "status"},
    {"wait", "status redis --wait"},
    {"watch", "status redis --watch"},
    {"test", "smoke redis"},
    {"verify", "smoke redis"},
    {"shell", "connect redis"},
    {"exec", "connect redis"},
    {"port-forward", "connect redis"},
    {"redis-cli", "connect redis -- redis-cli"},
    {"password", "credentials show redis"},
    {"env", "export env"},
    {"alerts", "export alerts"},
    {"dashboard", "export dashboard"},
    {"settings", "config show"},
};

/// The same for options, as what to type instead; the first word is the command they are typed with, "" for any.
struct OptionSynonym {
  std::string_view verb, name, instead;
};
constexpr OptionSynonym option_synonyms[] = {
    {"", "--json", "write it as -o json"},
    {"", "--yaml", "write it as -o yaml"},
    {"", "--format", "write it as -o json or -o yaml"},
    {"", "--kube-context", "write it as --context"},
    {"", "--name", "write it as --release"},
    {"", "--force", "write it as --yes"},
    {"", "--assume-yes", "write it as --yes"},
    {"", "--all-namespaces", "'raibid-cli status --all' lists every Redis"},
    {"", "-A", "'raibid-cli status --all' lists every Redis"},
    {"setup", "--wait", "leave it out: setup waits until Redis is ready, at most --timeout"},
    {"setup", "--atomic", "leave it out: setup takes everything back when it fails"},
    {"setup", "--create-namespace", "leave it out: setup makes the namespace when it is missing"},
    {"setup", "--install", "leave it out: setup installs, and changes what is installed"},
    {"teardown", "--wait", "leave it out: teardown waits until all is gone"},
    {"teardown", "--purge", "write it as --delete-data"},
    {"rollback", "--to", "write the number of the revision without an option; history redis lists them"},
    {"rollback", "--revision", "write the number of the revision without an option; history redis lists them"},
    {"rollback", "--to-revision", "write the number of the revision without an option; history redis lists them"},
    {"logs", "--since", "it prints all lines, or the last of them with --tail 100"},
    {"upgrade", "--version", "write the image with --image, for example --image redis:8"},
};

/// The same for the second word.
struct ObjectSynonym {
  std::string_view verb, word, instead;
};
constexpr ObjectSynonym object_synonyms[] = {
    {"config", "get", "config show"},
    {"config", "list", "config show"},
    {"config", "view", "config show"},
    {"config", "use-context", "config use"},
    {"config", "delete", "config unset"},
    {"export", "flux", "export helm-release"},
    {"export", "helmrelease", "export helm-release"},
    {"export", "argocd", "export argocd-application"},
    {"export", "argo", "export argocd-application"},
    {"presets", "ls", "presets list"},
};

bool has_row(const CommandTable& table, std::string_view command) {
  const std::vector<std::string> words = split(std::string(command), ' ');
  return table.find(words.front(), words.size() > 1 && !words[1].starts_with("-") ? words[1] : "") != nullptr;
}

/// Our command for a word that other tools use; "" when there is none.
std::string synonym(const CommandTable& table, const std::string& word) {
  const std::string lower = to_lower(word);
  for (const auto& [other, command] : synonyms) {
    if (other == lower && has_row(table, command)) return std::string(command);
  }
  return "";
}

std::string first_word(const std::string& line) { return line.substr(0, line.find(' ')); }

/// What to type instead of another tool's option; "" when it is not known.
std::string option_synonym(const std::string& verb, const std::string& name) {
  for (const OptionSynonym& one : option_synonyms) {
    if (one.name == name && (one.verb.empty() || one.verb == verb)) return std::string(one.instead);
  }
  return "";
}

/// The command that has an option of that name ("--size"), or nullptr.
const CommandRow* row_with(const CommandTable& table, const std::string& option) {
  for (const CommandRow& row : table.rows()) {
    std::vector<std::string> names;
    add_names(names, row.options);
    if (std::find(names.begin(), names.end(), option) != names.end()) return &row;
  }
  return nullptr;
}

std::string help_of(const std::string& command) {
  return fmt::format("raibid-cli {}{}--help", command, command.empty() ? "" : " ");
}

/// A line to type with the option where it belongs; the command's help where only the user knows the rest of it.
std::string command_with(const CommandRow& row, const std::string& name, const Invocation& invocation,
                         const std::string& word) {
  const auto option = std::find_if(row.options.begin(), row.options.end(),
                                   [&](const OptionSpec& one) { return "--" + std::string(one.name) == name; });
  const bool needs_words = !row.arguments.empty() && !row.arguments.starts_with("[");
  std::string line = fmt::format("raibid-cli {} {}", row.name(), printable(shell_quote(word)));
  if (takes_next_word(*option) && word == name) {
    // its value is the next word, for which there was no place either
    const std::vector<std::string>& words = invocation.arguments;
    const auto at = std::find(words.begin(), words.end(), word);
    const bool has_value = at != words.end() && at + 1 != words.end() && !(at + 1)->starts_with("-");
    if (!has_value) return help_of(row.name());
    line += " " + printable(shell_quote(*(at + 1)));
  }
  return needs_words ? help_of(row.name()) : line;
}

}  // namespace

std::vector<std::string_view> foreign_words() {
  std::vector<std::string_view> words;
  for (const auto& [word, command] : synonyms) words.push_back(word);
  return words;
}

Error unknown_command(const CommandTable& table, const std::string& word) {
  const std::vector<std::string> verbs = table.verbs();
  if (const std::string meant = synonym(table, word); !meant.empty()) {
    return mistake(fmt::format("unknown command '{}'; here it is called {}", printable(word), first_word(meant)),
                   fmt::format("run: raibid-cli {}", meant));
  }
  for (const CommandRow& row : table.rows()) {
    if (!row.own && row.object == word) {
      return mistake(fmt::format("'{}' is a component; the command comes first", word),
                     fmt::format("run: raibid-cli {}", row.name()));
    }
  }
  const std::string near = nearest(word, verbs);
  const std::string message = fmt::format("unknown command '{}'{}", printable(word), did_you_mean(word, verbs));
  if (near.empty()) return mistake(message, fmt::format("'{}' lists the commands", help_of("")));
  return mistake(message, fmt::format("run: raibid-cli {}", table.rows_of(near).front()->name()));
}

Error unknown_object(const CommandTable& table, const std::string& verb, const std::string& word) {
  const std::vector<std::string> objects = table.objects_of(verb);
  if (std::find(objects.begin(), objects.end(), word) != objects.end()) {
    return mistake(fmt::format("'{}' comes after '{}'", word, verb), fmt::format("run: raibid-cli {} {}", verb, word));
  }
  for (const ObjectSynonym& one : object_synonyms) {
    if (one.verb == verb && one.word == word && has_row(table, one.instead))
      return mistake(fmt::format("unknown word '{}' after '{}'", printable(word), verb),
                     fmt::format("run: raibid-cli {}", one.instead));
  }
  const char* what = table.rows_of(verb).front()->own ? "word" : "component";
  const std::string near = nearest(word, objects);
  const std::string& offered = near.empty() ? objects.front() : near;
  return mistake(
      fmt::format("unknown {} '{}' after '{}'{}", what, printable(word), verb, did_you_mean(word, objects)),
      fmt::format("{}run: raibid-cli {} {}",
                  objects.size() > 1 ? fmt::format("there are: {}; ", join(objects, ", ")) : "", verb, offered));
}

Error missing_word(const CommandTable& table, const std::string& verb) {
  if (verb.empty()) return mistake("no command before '--'", fmt::format("'{}' lists the commands", help_of("")));
  const std::vector<std::string> objects = table.objects_of(verb);
  const char* what = table.rows_of(verb).front()->own ? "one of" : "a component";
  return mistake(fmt::format("'{}' needs {}: {}", verb, what, join(objects, ", ")),
                 fmt::format("run: raibid-cli {} {}", verb, objects.front()));
}

Error unknown_option(const CommandTable& table, const Invocation& invocation, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const std::string command = invocation.row != nullptr ? invocation.row->name() : invocation.verb;
  const std::string of_command = command.empty() ? "" : fmt::format(" of 'raibid-cli {}'", command);
  std::vector<std::string> known = {"--help", "--version"};
  add_names(known, global_options());
  if (invocation.row != nullptr) add_names(known, invocation.row->options);
  if (const std::string instead = option_synonym(invocation.verb, name); !instead.empty())
    return mistake(fmt::format("unknown option {}{}", printable(name), of_command), instead);
  const std::string near = did_you_mean(name, known);
  const std::string message = fmt::format("unknown option {}{}{}", printable(name), of_command, near);
  if (const CommandRow* other = row_with(table, name); other != nullptr) {
    return mistake(message,
                   fmt::format("it is an option of another command: {}", command_with(*other, name, invocation, word)));
  }
  return mistake(message, fmt::format("'{}' lists the options", help_of(command)));
}

Error missing_value(const std::string& option) {
  return mistake(fmt::format("{} needs a value", printable(option)), "leave the option out for its default");
}

Error unexpected_word(const CommandRow& row, const std::vector<std::string>& words) {
  if (row.takes_command()) {
    return mistake(fmt::format("unexpected argument '{}': put the command after '--'", printable(words.front())),
                   fmt::format("run: raibid-cli {} -- {}", row.name(), printable(shell_join(words))));
  }
  return mistake(
      fmt::format("unexpected argument '{}': 'raibid-cli {}' takes none", printable(words.front()), row.name()),
      fmt::format("'{}' shows what it takes", help_of(row.name())));
}

std::optional<Error> value_without_equals(const Invocation& invocation, const std::string& word) {
  for (const auto& [name, setting] : invocation.flags) {
    const OptionSpec* const option = invocation.row != nullptr ? find_option(invocation.row->options, name) : nullptr;
    if (option == nullptr || option->implicit_value.empty()) continue;
    try {
      check_value(*option, word, word);
    } catch (const Error&) {
      continue;
    }
    return mistake(fmt::format("unexpected argument '{}'", printable(word)),
                   fmt::format("a value of --{0} is written with '=': --{0}={1}", name, printable(word)));
  }
  return std::nullopt;
}

}  // namespace raibid
