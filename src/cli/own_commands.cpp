#include "cli/own_commands.hpp"

#include "cli/commands.hpp"
#include "cli/config_edit.hpp"
#include "cli/config_show.hpp"
#include "cli/help.hpp"
#include "cli/man_pages.hpp"
#include "cli/presets.hpp"
#include "cli/problems.hpp"

namespace raibid {

namespace {

CommandResult show_help(const Call& call) {
  const std::vector<std::string>& words = call.invocation.arguments;
  if (words.size() > 2) throw unexpected_word(*call.invocation.row, {words[2]});
  return {help_text(call.table, words.empty() ? "" : words[0], words.size() < 2 ? "" : words[1],
                    help_width(call.dependencies.terminal)),
          0};
}

}  // namespace

CommandRow help_row() {
  CommandRow row;
  row.verb = "help";
  row.summary = "What a command does, and its options";
  row.arguments = "[COMMAND|all]";
  row.examples = {"raibid-cli help setup redis", "raibid-cli help queue", "raibid-cli help all"};
  row.run = show_help;
  return row;
}

std::vector<CommandRow> own_commands() {
  std::vector<CommandRow> rows = {config_show_row()};
  for (CommandRow& row : config_edit_rows()) rows.push_back(std::move(row));
  for (CommandRow& row : presets_rows()) rows.push_back(std::move(row));
  for (CommandRow& row : completion_rows()) rows.push_back(std::move(row));
  rows.push_back(man_pages_row());
  rows.push_back(version_row());
  rows.push_back(help_row());
  return rows;
}

}  // namespace raibid
