#include "cli/session.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/presets.hpp"
#include "config/config_file.hpp"
#include "config/folder_file.hpp"
#include "sys/trust.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace raibid {

namespace {

SettingMap settings_file(std::span<const OptionSpec> options, const Settings& settings, const Paths& paths) {
  if (!settings.is_set("config"))
    return load_config_file(paths.config_file(), paths.shown(paths.config_file()), options);
  const std::filesystem::path path = settings.text("config");
  std::error_code reason;
  // one that was asked for must be there; load_config_file says what else is wrong with it
  if (std::filesystem::status(path, reason).type() == std::filesystem::file_type::not_found) {
    throw Error(
        ExitCode::usage,
        fmt::format("{}: there is no file {}", settings.origin("config").where, printable(path.string())),
        fmt::format("without it, settings are read from {} if that is there", paths.shown(paths.config_file())));
  }
  return load_config_file(path, paths.shown(path), options);
}

/// What .raibid.yaml chooses stands above config.yaml. Returns it for the heading: "~/shop/.raibid.yaml: namespace
/// jobs".
std::string take_folder_file(std::span<const OptionSpec> options, const Paths& paths, SettingMap& file) {
  std::error_code gone;  // the folder that we run in
  const std::filesystem::path here = std::filesystem::current_path(gone);
  const auto found = gone ? std::nullopt : find_folder_file(here, paths);
  if (!found) return "";
  std::vector<std::string> chosen;
  for (auto& [name, setting] : load_folder_file(*found, paths, options)) {
    chosen.push_back(fmt::format("{} {}", name, printable(setting.values.front())));
    file.insert_or_assign(name, setting);
  }
  return chosen.empty() ? "" : fmt::format("{}: {}", paths.shown(*found), join(chosen, ", "));
}

}  // namespace

Session open_session(std::span<const OptionSpec> options, const SettingMap& flags, const Environment& environment) {
  Session session;
  session.paths = resolve_paths(environment);
  check_home(session.paths.home);
  // which file, then which preset, then everything: each answer is a setting itself, found by the same rules
  std::vector<std::string> repeated;
  const Settings for_file = resolve_settings(options, flags, environment, {}, {}, session.warnings);
  SettingMap file = settings_file(options, for_file, session.paths);
  if (!for_file.is_set("config")) session.folder_file = take_folder_file(options, session.paths, file);
  const Settings for_preset = resolve_settings(options, flags, environment, file, {}, repeated);
  session.preset = load_preset(for_preset.text("preset"), options);
  session.settings = resolve_settings(options, flags, environment, file, session.preset.settings, repeated);
  return session;
}

ReporterOptions reporter_options(const Settings& settings) {
  ReporterOptions options;
  const std::string color = settings.text("color");
  options.color = color == "always"  ? ColorChoice::always
                  : color == "never" ? ColorChoice::never
                                     : ColorChoice::automatic;
  options.quiet = settings.flag("quiet");
  options.verbose = settings.flag("verbose") || settings.flag("debug");
  return options;
}

}  // namespace raibid
