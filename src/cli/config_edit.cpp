#include "cli/config_edit.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/problems.hpp"
#include "config/config_file.hpp"
#include "config/folder_file.hpp"
#include "config/yaml_edit.hpp"
#include "config/yaml_settings.hpp"
#include "config/yaml_tree.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// The file to change, whatever is in it now: what is wrong there may be what is to be changed.
struct EditedFile {
  std::filesystem::path path;
  std::string shown;
  std::string text;
};

EditedFile open_file(const std::filesystem::path& path, const Paths& paths) {
  return {path, paths.shown(path), read_settings_file(path).value_or("")};
}

EditedFile open_config(const Call& call, const Paths& paths) {
  std::vector<std::string> warnings;
  const Settings settings = resolve_settings(all_options(call.table.components()), call.invocation.flags,
                                             call.dependencies.environment, {}, {}, warnings);
  return open_file(settings.is_set("config") ? std::filesystem::path(settings.text("config")) : paths.config_file(),
                   paths);
}

const OptionSpec& option_of_files(const std::vector<OptionSpec>& options, const std::string& key) {
  std::vector<std::string> names;
  for (const OptionSpec& option : options) {
    if (!option.flag_only && !option.not_in_files) names.emplace_back(option.name);
  }
  const OptionSpec* const found = find_option(options, key);
  if (found != nullptr && !found->flag_only && !found->not_in_files) return *found;
  throw Error(ExitCode::usage,
              found != nullptr ? fmt::format("{} cannot be set in a file, only on the command line", key)
                               : fmt::format("unknown setting {}{}", in_quotes(key), did_you_mean(key, names)),
              "every setting: raibid-cli config show");
}

ordered_json typed(const OptionSpec& option, const std::vector<std::string>& values) {
  for (const std::string& value : values) check_value(option, value, std::string(option.name));
  if (option.kind == OptionKind::list) return values;
  if (values.size() != 1)
    throw Error(ExitCode::usage, fmt::format("{} takes one value, not {}", option.name, values.size()),
                "a value with spaces needs quotes");
  if (option.kind == OptionKind::flag) return to_lower(values[0]) == "true" || values[0] == "1";
  if (option.kind == OptionKind::integer) return std::stoll(values[0]);
  return values[0];
}

/// Writes the text unless it is a dry run, and says so.
CommandResult write(const Call& call, const EditedFile& file, const std::string& text, const std::string& what) {
  if (text == file.text) return told(fmt::format("{}: nothing to change\n", file.shown));
  const bool dry = call.guard.dry_run();
  if (!dry) Files(call.guard).write_atomic(file.path, text, 0600);
  return told(fmt::format("{}: {}{}\n", file.shown, dry ? "would have " : "", what));
}

CommandResult set(const Call& call) {
  const std::vector<std::string>& words = call.invocation.arguments;
  if (words.size() < 2)
    throw Error(ExitCode::usage, "config set needs a setting and its value",
                "run: raibid-cli config set namespace jobs");
  const std::vector<OptionSpec> options = all_options(call.table.components());
  const OptionSpec& option = option_of_files(options, words[0]);
  const ordered_json value = typed(option, {words.begin() + 1, words.end()});
  const Paths paths = resolve_paths(call.dependencies.environment);
  const EditedFile file = open_config(call, paths);
  const std::string text = with_key(file.text, file.shown, option.name, value);
  settings_of(parse_yaml_tree(text, file.shown), file.shown, options);  // all of it is right afterwards
  if (!call.guard.dry_run() && file.path == paths.config_file()) Files(call.guard).make_private_directory(paths.home);
  return write(call, file, text, fmt::format("{} = {}", option.name, join({words.begin() + 1, words.end()}, ", ")));
}

CommandResult unset(const Call& call) {
  const std::vector<std::string>& words = call.invocation.arguments;
  if (words.size() != 1)
    throw Error(ExitCode::usage, "config unset needs one setting", "run: raibid-cli config unset namespace");
  const EditedFile file = open_config(call, resolve_paths(call.dependencies.environment));
  return write(call, file, without_key(file.text, file.shown, words[0]), fmt::format("{} removed", words[0]));
}

std::string flags_of(const SettingMap& flags) {
  std::vector<std::string> parts;
  for (const auto& [name, setting] : flags)
    parts.push_back(fmt::format("{} {}", name, printable(setting.values.front())));
  return join(parts, ", ");
}

/// The options of this command line that say which Redis is meant.
SettingMap chosen_here(const Call& call) {
  SettingMap chosen;
  for (const std::string_view key : folder_keys) {
    if (const auto flag = call.invocation.flags.find(key); flag != call.invocation.flags.end()) chosen.insert(*flag);
  }
  return chosen;
}

CommandResult show_folder(const std::filesystem::path& here, const Paths& paths,
                          const std::vector<OptionSpec>& options) {
  const auto found = find_folder_file(here, paths);
  if (!found) return told("nothing is chosen for this folder\n");
  return told(fmt::format("{}: {}\n", paths.shown(*found), flags_of(load_folder_file(*found, paths, options))));
}

CommandResult use(const Call& call) {
  if (!call.invocation.arguments.empty())
    throw unexpected_word(*call.invocation.row, {call.invocation.arguments.front()});
  const std::vector<OptionSpec> options = all_options(call.table.components());
  const Paths paths = resolve_paths(call.dependencies.environment);
  const std::filesystem::path here = std::filesystem::current_path();
  const std::filesystem::path path = here / folder_file_name;
  const EditedFile file = {path, paths.shown(path), read_folder_file(path).value_or("")};
  if (call.invocation.flags.contains("nothing")) {
    if (file.text.empty()) return show_folder(here, paths, options);
    load_folder_file(file.path, paths, options);  // only what is such a file is removed
    if (!call.guard.dry_run()) Files(call.guard).remove_tree(file.path);
    return told(fmt::format("{}: {}\n", file.shown, call.guard.dry_run() ? "would be removed" : "removed"));
  }
  const SettingMap chosen = chosen_here(call);
  if (chosen.empty()) return show_folder(here, paths, options);
  std::string text = file.text;
  for (const auto& [name, setting] : chosen) {
    const OptionSpec& option = option_of_files(options, name);
    text = with_key(text, file.shown, name, typed(option, setting.values));
  }
  return write(call, file, text, flags_of(chosen));
}

}  // namespace

std::vector<CommandRow> config_edit_rows() {
  CommandRow set_row;
  set_row.verb = "config";
  set_row.object = "set";
  set_row.summary = "Put a setting into config.yaml; its other lines stay as they are";
  set_row.arguments = "KEY VALUE…";
  set_row.examples = {"raibid-cli config set namespace jobs", "raibid-cli config set allow-from shop billing"};
  set_row.run = set;
  CommandRow unset_row;
  unset_row.verb = "config";
  unset_row.object = "unset";
  unset_row.summary = "Take a setting out of config.yaml";
  unset_row.arguments = "KEY";
  unset_row.examples = {"raibid-cli config unset namespace"};
  unset_row.run = unset;
  CommandRow use_row;
  use_row.verb = "config";
  use_row.object = "use";
  use_row.summary = "Choose, for this folder and those in it, which Redis is meant";
  use_row.details =
      "Writes target, context, namespace, release and preset, as far as they are given, into .raibid.yaml here. "
      "Without "
      "options it shows what is chosen.\n";
  use_row.options = {{.name = "nothing",
                      .help = "Remove the .raibid.yaml of this folder",
                      .kind = OptionKind::flag,
                      .flag_only = true}};
  use_row.examples = {"raibid-cli config use --target local", "raibid-cli config use -n jobs --preset mirai",
                      "raibid-cli config use --nothing"};
  use_row.run = use;
  return {set_row, unset_row, use_row};
}

}  // namespace raibid
