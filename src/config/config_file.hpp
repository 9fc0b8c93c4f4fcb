#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "config/settings.hpp"

namespace raibid {

/// The keys of a config file ("name: value", lists for list options) with file:line origins; empty when `path` does not
/// exist. Throws Error (usage) with file and line: unknown key (nearest offered), a key twice, wrong shape, not YAML,
/// a directory, binary, more than 1 MiB, nested too deep. `shown` is the path as messages name it.
SettingMap load_config_file(const std::filesystem::path& path, const std::string& shown,
                            std::span<const OptionSpec> options);

/// Its text; nothing when it does not exist. Throws Error (usage) for what is no file, as for a FIFO, and for one of
/// more than 1 MiB.
std::optional<std::string> read_settings_file(const std::filesystem::path& path);

}  // namespace raibid
