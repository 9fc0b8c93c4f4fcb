#include "base/strings.hpp"
#include "cli/command_table.hpp"
#include "components/presets.hpp"
#include "components/registry.hpp"
#include "support/cli.hpp"
#include "support/machine.hpp"
#include "support/pty.hpp"
#include "sys/files.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

using namespace raibid;

namespace {

using Words = std::set<std::string>;

struct Shell {
  std::string name;
  std::vector<std::string> command;  ///< runs tests/support/complete.NAME
  std::string kept;                  ///< the script's name in completions/
};

const std::vector<Shell>& shells() {
  static const std::vector<Shell> all = {{"bash", {"bash"}, "raibid-cli.bash"},
                                         {"zsh", {"zsh", "-f"}, "_raibid-cli"},
                                         {"fish", {"fish", "--no-config"}, "raibid-cli.fish"}};
  return all;
}

std::string script_of(const Shell& shell) { return test::must({RAIBID_CLI, "completion", shell.name}); }

/// What a real shell offers for command lines, asked once for all of them.
class Offers {
 public:
  Offers(const Shell& shell, const std::vector<std::string>& lines) {
    const TemporaryDirectory folder{fs::temp_directory_path()};
    const fs::path script = folder.path() / shell.kept;
    write_atomic(script, script_of(shell));
    std::vector<std::string> command = shell.command;
    command.push_back(fmt::format("{}/tests/support/complete.{}", RAIBID_SOURCE_DIR, shell.name));
    command.push_back(script);
    command.insert(command.end(), lines.begin(), lines.end());
    std::string out = test::must(command);
    Words* words = nullptr;
    for (const std::string& line : take_lines(out)) {
      if (line.starts_with("= ")) {
        words = &m_words[line.substr(2)];
      } else if (!line.empty() && words != nullptr) {
        words->insert(line);
      }
    }
  }

  const Words& at(const std::string& line) const {
    CAPTURE(line);
    REQUIRE(m_words.contains(line));
    return m_words.at(line);
  }
  std::string shown(const std::string& line) const {
    const Words& words = at(line);
    return join(std::vector<std::string>(words.begin(), words.end()), " ");
  }
  bool has(const std::string& line, const Words& wanted) const {
    const Words& words = at(line);
    return std::includes(words.begin(), words.end(), wanted.begin(), wanted.end());
  }

 private:
  std::map<std::string, Words> m_words;
};

Words words_of(const std::vector<std::string>& list) { return {list.begin(), list.end()}; }

Words option_words(const std::vector<OptionSpec>& options) {
  Words words;
  for (const OptionSpec& option : options) words.insert("--" + std::string(option.name));
  return words;
}

/// The lines for every verb, and for the options of every command.
std::vector<std::string> lines_of(const CommandTable& table) {
  std::vector<std::string> lines = {"raibid-cli ", "raibid-cli help "};
  for (const std::string& verb : table.verbs()) {
    lines.push_back(fmt::format("raibid-cli {} ", verb));
    lines.push_back(fmt::format("raibid-cli help {} ", verb));
  }
  for (const CommandRow& row : table.rows()) {
    lines.push_back(fmt::format("raibid-cli {} --", row.name()));
    if (row.object_optional) lines.push_back(fmt::format("raibid-cli {} --", row.verb));
  }
  return lines;
}

}  // namespace

TEST_CASE("completions/ holds what the program generates") {
  for (const Shell& shell : shells()) {
    const fs::path kept = fs::path(RAIBID_SOURCE_DIR) / "completions" / shell.kept;
    const bool same = read_file(kept).value_or("") == script_of(shell);
    CHECK_MESSAGE(same, "run: raibid-cli completion " << shell.name << " > completions/" << shell.kept);
  }
}

TEST_CASE("shells offer every verb, component and option of the table") {
  const CommandTable table(components());
  for (const Shell& shell : shells()) {
    if (program(shell.name).empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const Offers offers(shell, lines_of(table));
    CHECK(offers.at("raibid-cli ") == words_of(table.verbs()));
    CHECK(offers.at("raibid-cli help ") == words_of(table.verbs()));
    for (const std::string& verb : table.verbs()) {
      CAPTURE(verb);
      const Words objects = words_of(table.objects_of(verb));
      if (objects.empty()) continue;
      CHECK(offers.has(fmt::format("raibid-cli {} ", verb), objects));
      CHECK(offers.at(fmt::format("raibid-cli help {} ", verb)) == objects);
    }
    const Words everywhere = option_words(global_options());
    for (const CommandRow& row : table.rows()) {
      CAPTURE(row.name());
      Words expected = option_words(row.options);
      expected.insert(everywhere.begin(), everywhere.end());
      expected.insert({"--help", "--version"});
      Words offered = offers.at(fmt::format("raibid-cli {} --", row.name()));
      offered.erase("--");  // zsh's own, for the end of options
      CHECK(offered == expected);
      if (row.object_optional) CHECK(offers.has(fmt::format("raibid-cli {} --", row.verb), expected));
    }
  }
}

TEST_CASE("shells offer values: choices, presets, files") {
  const std::vector<std::string> lines = {
      "raibid-cli status -o ",  "raibid-cli status --output=js", "raibid-cli setup redis --preset ",
      "raibid-cli --color ",    "raibid-cli --config /etc/hos",  "raibid-cli setup redis -f /etc/hos",
      "raibid-cli --release x "};
  for (const Shell& shell : shells()) {
    if (program(shell.name).empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const Offers offers(shell, lines);
    CHECK(offers.shown("raibid-cli status -o ") == "json junit name table yaml");
    CHECK(offers.shown("raibid-cli status --output=js") == (shell.name == "fish" ? "--output=json" : "json"));
    CHECK(offers.shown("raibid-cli --color ") == "always auto never");
    CHECK(offers.has("raibid-cli setup redis --preset ", words_of(builtin_presets())));
    const Words hosts = {shell.name == "bash" ? "files" : shell.name == "fish" ? "/etc/hosts" : "hosts"};
    CHECK(offers.has("raibid-cli --config /etc/hos", hosts));
    CHECK(offers.has("raibid-cli setup redis -f /etc/hos", hosts));
    CHECK(offers.has("raibid-cli --release x ", {"setup", "status"}));
  }
}

TEST_CASE("shells tell an option's value from a command, and leave what stands behind -- alone") {
  const std::vector<std::string> lines = {"raibid-cli -n setup s", "raibid-cli -n setup setup ",
                                          "raibid-cli connect redis -- mkd", "raibid-cli connect redis -- cat --"};
  for (const Shell& shell : shells()) {
    if (program(shell.name).empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const Offers offers(shell, lines);
    CHECK(offers.has("raibid-cli -n setup s", {"setup", "status"}));
    CHECK(offers.has("raibid-cli -n setup setup ", {"redis"}));
    CHECK(offers.has("raibid-cli connect redis -- mkd", {"mkdir"}));
    CHECK_FALSE(offers.at("raibid-cli connect redis -- cat --").contains("--namespace"));
  }
}

TEST_CASE("shells complete when someone presses TAB") {
  for (const Shell& shell : shells()) {
    const std::string path = program(shell.name);
    if (path.empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const TemporaryDirectory folder{fs::temp_directory_path()};
    const fs::path script = folder.path() / shell.kept;
    write_atomic(script, script_of(shell));
    std::vector<std::string> words = {path, "--norc", "--noprofile", "-i"};
    if (shell.name == "zsh") words = {path, "-f", "-i"};
    if (shell.name == "fish") words = {path, "--no-config", "-i"};
    const std::string programs = fs::path(RAIBID_CLI).parent_path().string() + ":" + ::getenv("PATH");
    test::Pty pty(words,
                  {{"PATH", programs}, {"HOME", folder.path().string()}, {"RAIBID_HOME", folder.path().string()}});
    if (shell.name == "zsh") pty.type("autoload -Uz compinit && compinit -u -D\r");
    pty.type("source " + script.string() + "\r");
    pty.type("echo re''ady\r");
    REQUIRE(pty.shows("ready"));
    pty.type("raibid-cli rollb\t");
    CHECK(pty.shows("rollback"));
    pty.type("redis --targ\t");
    CHECK(pty.shows("--target"));
    pty.type(
        "\x15"
        "exit\r");
    pty.end();
  }
}
