#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/option.hpp"
#include "config/preset.hpp"
#include "config/settings.hpp"
#include "sys/environment.hpp"
#include "ui/make_reporter.hpp"

namespace raibid {

/// What a run goes by, from all its sources.
struct Session {
  Paths paths;
  Settings settings;
  Preset preset;
  std::vector<std::string> warnings;
  std::string folder_file;  ///< what .raibid.yaml chooses, for people; "" when there is none
};

/// Reads the config file (--config, RAIBID_CONFIG, else config.yaml of the home if it is there, and the .raibid.yaml of
/// the folder, which stands above it) and the preset (by
/// flag, variable or that file), and resolves every one of `options`. Throws Error (usage) as resolve_settings,
/// load_config_file and load_preset do, or when a file that was named is not there; (preflight) without a home, or with
/// one that others can write.
Session open_session(std::span<const OptionSpec> options, const SettingMap& flags, const Environment& environment);

/// How progress is written, by --color, --quiet and --verbose.
ReporterOptions reporter_options(const Settings& settings);

}  // namespace raibid
