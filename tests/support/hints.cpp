#include "support/hints.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>

#include <map>
#include <set>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "cli/command_table.hpp"
#include "cli/parse.hpp"
#include "components/registry.hpp"
#include "support/cli.hpp"
#include "support/shell_words.hpp"

namespace raibid::test {

namespace {

using Words = std::vector<std::string>;

/// The beginning of a command in `line` from `at` on: a program's name as a word of its own.
std::size_t command_begin(const std::string& line, std::size_t at) {
  std::size_t first = std::string::npos;
  for (const std::string& program : {std::string("raibid-cli "), std::string("kubectl "), std::string("helm ")}) {
    for (std::size_t found = line.find(program, at); found != std::string::npos;
         found = line.find(program, found + 1)) {
      if (found > 0 && line[found - 1] != ' ' && line[found - 1] != '`') continue;
      first = std::min(first, found);
      break;
    }
  }
  return first;
}

void add_commands(Words& commands, const std::string& line) {
  for (std::size_t at = command_begin(line, 0); at != std::string::npos; at = command_begin(line, at + 1)) {
    std::size_t end = line.size();
    if (at > 0 && line[at - 1] == '`') end = std::min(end, line.find('`', at));
    for (const char* stop : {"; ", " · ", ", then ", ", or ", " && "}) end = std::min(end, line.find(stop, at));
    commands.push_back(line.substr(at, end - at));
    at = end;
  }
}

Invocation parsed(const Words& words) {
  static const CommandTable table(components());
  return parse_arguments(table, words);
}

std::string text_of(const SettingMap& flags, const std::string& name) {
  const auto found = flags.find(name);
  return found == flags.end() || found->second.values.empty() ? "" : found->second.values.front();
}

/// What a command must name again when the run named it. A hint that leads to another target names no place of this
/// one.
void check_scope(const Invocation& run, const Invocation& hint, bool elsewhere) {
  if (hint.row == nullptr || hint.row->own) return;
  for (const char* name : {"target", "url", "password-file", "kubeconfig", "context", "namespace", "release", "preset",
                           "stream", "queue"}) {
    if (elsewhere &&
        std::set<std::string>{"target", "url", "password-file", "kubeconfig", "context", "namespace"}.contains(name))
      continue;
    const std::string wanted = text_of(run.flags, name);
    if (wanted.empty()) continue;
    const bool of_queue = std::string_view(name) == "stream" || std::string_view(name) == "queue";
    if (of_queue && (run.row->verb != "queue" || hint.row->verb != "queue")) continue;
    if (std::string_view(name) == "password-file" && text_of(run.flags, "target") != "external") continue;  // a new one
    CAPTURE(std::string(name));
    if (std::string_view(name) == "preset" && text_of(hint.flags, name).empty()) continue;  // the release's record
    CHECK(text_of(hint.flags, name) == wanted);
  }
}

void check_ours(const Words& arguments, const std::string& command) {
  try {
    Words words = shell_words(command);
    words.erase(words.begin());
    const Invocation hint = parsed(words);
    Invocation run;
    try {
      run = parsed(arguments);
    } catch (const Error&) {
      return;  // the hint is about the command line itself
    }
    const std::string here = text_of(run.flags, "target"), there = text_of(hint.flags, "target");
    const bool other_target = !here.empty() && !there.empty() && here != there;  // meant so: "or on this machine"
    const bool no_cluster = here.empty() && there == "local" && run.row->verb == "setup" && hint.row->verb == "setup";
    check_scope(run, hint, other_target || no_cluster);
  } catch (const std::exception& error) {
    FAIL_CHECK((command + ": " + error.what()));
  }
}

/// kubectl and helm read all flags before they print the help that is asked for.
void check_theirs(const std::string& command, const char* variable) {
  static std::set<std::string> known;
  const char* const program = ::getenv(variable);
  if (program == nullptr || !known.insert(command).second) return;
  Words words = shell_words(command);
  words[0] = program;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "|" || words[i] == ">" || words[i] == "--") words.resize(i);
  }
  words.emplace_back("--help");
  const Output output = attempt(words);
  if (!output.ok()) FAIL_CHECK((command + ": " + output.err));
}

}  // namespace

Words hinted_commands(const std::string& text) {
  Words commands;
  bool hint = false;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t arrow = line.find("→ ");
    hint = line.starts_with("hint: ") || (hint && line.starts_with("  "));
    if (hint)
      add_commands(commands, line);
    else if (arrow != std::string::npos)
      add_commands(commands, line.substr(arrow));
  }
  return commands;
}

void check_hints(const Words& arguments, const std::string& text) {
  for (const std::string& command : hinted_commands(text)) {
    CAPTURE(command);
    if (command.starts_with("raibid-cli ")) check_ours(arguments, command);
  }
}

void check_hints_for_others(const std::string& text) {
  for (const std::string& command : hinted_commands(text)) {
    CAPTURE(command);
    if (!command.starts_with("raibid-cli ")) check_theirs(command, command.starts_with("helm ") ? "HELM4" : "KUBECTL");
  }
}

}  // namespace raibid::test
