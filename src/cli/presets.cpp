// `presets`: those that are compiled in, one of them, and the beginning of one's own.
#include "cli/presets.hpp"

#include "components/presets.hpp"

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "cli/commands.hpp"
#include "cli/problems.hpp"
#include "cli/session.hpp"
#include "components/registry.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "sys/files.hpp"
#include "ui/table.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace raibid {

namespace {

constexpr const char* usual_file = "preset.yaml";
constexpr const char* new_preset = "preset.yaml";  // the template of it
constexpr std::string_view name_in_template = "mine";

std::string setting(const Preset& preset, std::string_view name) {
  const auto found = preset.settings.find(name);
  return found == preset.settings.end() || found->second.values.empty() ? "" : found->second.values.front();
}

/// This run's settings, with the reporter as they want it. A preset that these commands do not use is not read.
Settings open_settings(const Call& call) {
  SettingMap flags = call.invocation.flags;
  flags["preset"] = {{"raibid"}, {Source::flag, "--preset"}};
  Session session = open_session(all_options(call.table.components()), flags, call.dependencies.environment);
  speak_as(call, session);
  return std::move(session.settings);
}

nlohmann::ordered_json described(const Preset& preset) {
  nlohmann::ordered_json operations = nlohmann::ordered_json::array();
  for (const SmokeOperation& operation : preset.smoke) operations.push_back(operation.name);
  return {{"name", preset.name},
          {"description", preset.description},
          {"namespace", setting(preset, "namespace")},
          {"release", setting(preset, "release")},
          {"services", preset.services},
          {"holds", preset.holds},
          {"smoke", operations}};
}

CommandResult list(const Call& call) {
  const OutputFormat format = output_format(open_settings(call).text("output"));
  const std::vector<OptionSpec> options = all_options(call.table.components());
  Table table({"NAME", "NAMESPACE", "RELEASE", "HOLDS", "DESCRIPTION"});
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const std::string& name : builtin_presets()) {
    const Preset preset = load_preset(name, options);
    table.add(
        {name, setting(preset, "namespace"), setting(preset, "release"), join(preset.holds, ", "), preset.description});
    rows.push_back(described(preset));
  }
  return {format == OutputFormat::table ? table.text() : formatted(rows, format), 0};
}

CommandResult show_preset(const Call& call) {
  const std::vector<std::string>& words = call.invocation.arguments;
  if (words.size() > 1) throw unexpected_word(*call.invocation.row, {words[1]});
  const OutputFormat format = output_format(open_settings(call).text("output"));
  if (words.empty()) {
    throw Error(ExitCode::usage, "presets show: which preset?",
                "one of " + join(builtin_presets(), ", ") + ", or a file of your own");
  }
  load_preset(words[0], all_options(call.table.components()));  // what is wrong with it comes first
  const std::string text = preset_text(words[0]);
  return {format == OutputFormat::json ? formatted(parse_yaml(text, words[0]), format) : text, 0};
}

/// A preset is called as its file where that is a name for one.
std::string name_for(const std::filesystem::path& file) {
  const std::string stem = file.stem();
  const bool fits = !stem.empty() && stem.size() <= 30 && stem.front() >= 'a' && stem.front() <= 'z' &&
                    stem.back() != '-' &&
                    stem.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return fits && stem != "preset" ? stem : std::string(name_in_template);
}

std::string begun(const std::string& name) {
  std::string text(asset(new_preset));
  for (const char* line : {"\nname: mine", "\n  namespace: mine", "\n  release: mine", "\n  - name: mine",
                           "groups: [mine", "\nclients: [mine"}) {
    const std::string_view before(line, std::string_view(line).size() - name_in_template.size());
    text.replace(text.find(line) + before.size(), name_in_template.size(), name);
  }
  return text;
}

CommandResult begin(const Call& call) {
  const std::vector<std::string>& words = call.invocation.arguments;
  if (words.size() > 1) throw unexpected_word(*call.invocation.row, {words[1]});
  open_settings(call);
  const std::filesystem::path file = words.empty() ? usual_file : words[0];
  const std::string content = begun(name_for(file));
  std::error_code ignored;
  const bool written = call.guard.dry_run() ? !fs::exists(fs::symlink_status(file, ignored))
                                            : Files(call.guard).create_file(file, content);
  if (!written) {
    throw Error(ExitCode::usage, fmt::format("{} already exists and was not changed", printable(file.string())),
                "name another file: raibid-cli presets new FILE");
  }
  if (call.guard.dry_run()) {
    return told(fmt::format("{} would be written. Nothing was changed (--dry-run).\n", printable(file.string())));
  }
  const std::string path = file.is_absolute() || file.string().starts_with(".") ? file.string() : "./" + file.string();
  return told(fmt::format("{} is written. Change it, then: raibid-cli setup redis --preset {}\n",
                          printable(file.string()), shell_quote(path)));
}

CommandRow row(const char* object, const char* summary, CommandResult (*run)(const Call&)) {
  CommandRow one;
  one.verb = "presets";
  one.object = object;
  one.summary = summary;
  one.run = run;
  return one;
}

}  // namespace

std::vector<CommandRow> presets_rows() {
  CommandRow all = row("list", "The built-in presets, one for each known application", list);
  all.object_optional = true;
  all.names = true;
  all.examples = {"raibid-cli presets", "raibid-cli presets list -o json"};
  CommandRow one = row("show", "A preset as its file, with comments", show_preset);
  one.arguments = "NAME|FILE";
  one.examples = {"raibid-cli presets show mirai"};
  CommandRow fresh = row("new", "Write a preset file with every key explained; never overwrites a file", begin);
  fresh.arguments = "[FILE]";
  fresh.examples = {"raibid-cli presets new", "raibid-cli presets new my-queue.yaml"};
  return {all, one, fresh};
}

}  // namespace raibid
