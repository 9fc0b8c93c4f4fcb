// Every command of ours in README.md and docs/ parses with the command table: nobody types a line from there in vain.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "cli/command_table.hpp"
#include "cli/parse.hpp"
#include "components/registry.hpp"
#include "support/shell_words.hpp"

namespace raibid::docs_test {

namespace fs = std::filesystem;

struct DocumentedCommand {
  std::string where;  ///< file:line
  std::string line;   ///< from "raibid-cli" on
};

const fs::path root = fs::path(RAIBID_SOURCE_DIR);

std::vector<fs::path> documents() {
  std::vector<fs::path> files{root / "README.md"};
  for (const auto& entry : fs::recursive_directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// In fenced blocks: a line with a command, behind a prompt, variables or in $(…); elsewhere: `raibid-cli …` in
/// backquotes, but for those with a placeholder.
void add_commands(std::vector<DocumentedCommand>& commands, const fs::path& file) {
  static const std::regex in_block(R"(^(?:\$ |\w+=\S* )?(raibid-cli .*)$|\$\((raibid-cli [^)]*)\))");
  static const std::regex in_text("`(raibid-cli [^`]+)`");
  static const std::regex placeholder(R"(…|\||\b(NAME|FILE|FOLDER|TO|FROM|COMMAND|N)\b)");
  std::ifstream stream(file);
  std::string line;
  bool fenced = false;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (line.starts_with("```")) fenced = !fenced;
    if (!fenced && line.starts_with("# ")) continue;  // a title: "raibid-cli queue"
    const std::regex& form = fenced ? in_block : in_text;
    for (std::sregex_iterator match(line.begin(), line.end(), form), end; match != end; ++match) {
      const std::string text = (*match)[1].matched ? (*match)[1] : (*match)[2];
      if (!fenced && std::regex_search(text, placeholder)) continue;
      commands.push_back({fs::relative(file, root).string() + ":" + std::to_string(number), text});
    }
  }
}

/// Without what the shell does with it.
std::vector<std::string> own_words(const std::string& line) {
  std::vector<std::string> words = test::shell_words(line.substr(0, line.find(" #")));
  const auto end = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return word.starts_with('>') || word.starts_with('<') || word == "|" || word == "&&";
  });
  return {words.begin() + 1, end};
}

TEST_CASE("documents: every command of ours parses") {
  static const CommandTable table(components());
  std::vector<DocumentedCommand> commands;
  for (const fs::path& file : documents()) add_commands(commands, file);
  CHECK(commands.size() > 100);
  for (const DocumentedCommand& command : commands) {
    try {
      parse_arguments(table, own_words(command.line));
    } catch (const std::exception& error) {
      FAIL_CHECK((command.where + ": " + command.line + ": " + error.what()));
    }
  }
}

}  // namespace raibid::docs_test
