#include "cli/man_pages.hpp"

#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/problems.hpp"
#include "config/settings.hpp"
#include "sys/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace raibid {

namespace {

/// Text as groff prints it unchanged: no escapes, no requests at the beginning of a line, and "-" as it is typed.
std::string roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return result;
}

std::string page_name(const std::string& command) {
  std::string name = "raibid-cli" + (command.empty() ? "" : " " + command);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string heading(const std::string& name, std::string_view summary) {
  return fmt::format(".TH {} 1 \"\" \"raibid-cli {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n", name, RAIBID_VERSION,
                     roff(name), roff(summary));
}

std::string option_entry(const OptionSpec& option) {
  const std::string letter = option.letter != 0 ? fmt::format("\\-{}, ", option.letter) : "";
  const std::string value = value_name(option);
  const std::string shown = value.empty()             ? ""
                            : takes_next_word(option) ? fmt::format(" \\fI{}\\fR", roff(value))
                                                      : fmt::format("[=\\fI{}\\fR]", roff(value));
  return fmt::format(".TP\n\\fB{}{}\\fR{}\n{}\n", letter, roff("--" + std::string(option.name)), shown,
                     roff(described_option(option)));
}

/// A subsection for each group of options.
std::string option_entries(const std::vector<OptionSpec>& options) {
  std::vector<std::pair<std::string, std::string>> groups;
  for (const OptionSpec& option : options) {
    const auto same = [&option](const auto& group) { return group.first == option.group; };
    auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) group = groups.insert(groups.end(), {std::string(option.group), ""});
    group->second += option_entry(option);
  }
  std::string text;
  for (const auto& [name, entries] : groups) text += (name.empty() ? "" : fmt::format(".SS \"{}\"\n", name)) + entries;
  return text;
}

std::string see_also(const std::vector<std::string>& names) {
  std::string text = ".SH \"SEE ALSO\"\n";
  for (std::size_t i = 0; i < names.size(); ++i)
    text += fmt::format(".BR {} (1){}\n", roff(names[i]), i + 1 < names.size() ? "," : "");
  return text;
}

std::string command_page(const CommandRow& row) {
  std::string text = heading(page_name(row.name()), row.summary);
  text += fmt::format(".SH SYNOPSIS\n\\fBraibid\\-cli {}\\fR [\\fIoptions\\fR]\n", roff(row.usage()));
  text += fmt::format(".SH DESCRIPTION\n{}.\n", roff(row.summary));
  if (!row.details.empty()) text += fmt::format(".PP\n{}\n", roff(trim(row.details)));
  if (!row.options.empty()) text += ".SH OPTIONS\n" + option_entries(row.options);
  if (!row.own) text += ".SH \"OPTIONS OF EVERY COMMAND\"\n" + option_entries(global_options());
  if (!row.examples.empty()) {
    text += ".SH EXAMPLES\n.nf\n";
    for (const std::string& example : row.examples) text += roff(example) + "\n";
    text += ".fi\n";
  }
  return text + see_also({"raibid-cli"});
}

std::string main_page(const CommandTable& table) {
  std::string text = heading("raibid-cli", "sets up Redis for job queues on Kubernetes or on this machine");
  text += ".SH SYNOPSIS\n\\fBraibid\\-cli\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n";
  text += fmt::format(".SH DESCRIPTION\n{}\n.SH COMMANDS\n", roff(about_program));
  std::vector<std::string> pages;
  for (const CommandRow& row : table.rows()) {
    text += fmt::format(".TP\n\\fB{}\\fR\n{}.\n", roff(row.usage()), roff(row.summary));
    pages.push_back(page_name(row.name()));
  }
  text += ".SH OPTIONS\n" + option_entries(global_options());
  text += fmt::format(".SH SETTINGS\n{}\n", roff(about_settings));
  text += fmt::format(".SH \"EXIT STATUS\"\n{}\n", roff(about_exit_codes));
  return text + see_also(pages);
}

CommandResult write_man_pages(const Call& call) {
  const std::vector<std::string>& words = call.invocation.arguments;
  if (words.empty())
    throw Error(ExitCode::usage, "man-pages needs a folder to write to",
                "run: raibid-cli man-pages ~/.local/share/man/man1");
  if (words.size() > 1) throw unexpected_word(*call.invocation.row, {words[1]});
  const std::filesystem::path folder = words.front();
  if (call.guard.dry_run()) {
    std::string names;
    for (const ManPage& page : man_pages(call.table)) names += (folder / page.file).string() + "\n";
    return {names};
  }
  const Files files(call.guard);
  files.make_private_directory(folder);
  for (const ManPage& page : man_pages(call.table)) files.write_atomic(folder / page.file, page.text, 0644);
  return {};
}

}  // namespace

std::vector<ManPage> man_pages(const CommandTable& table) {
  std::vector<ManPage> pages = {{"raibid-cli.1", main_page(table)}};
  for (const CommandRow& row : table.rows()) pages.push_back({page_name(row.name()) + ".1", command_page(row)});
  return pages;
}

CommandRow man_pages_row() {
  CommandRow row;
  row.verb = "man-pages";
  row.summary = "Write a page for man(1) for each command into a folder";
  row.arguments = "FOLDER";
  row.examples = {"raibid-cli man-pages ~/.local/share/man/man1"};
  row.run = write_man_pages;
  return row;
}

}  // namespace raibid
