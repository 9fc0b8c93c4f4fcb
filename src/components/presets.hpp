#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/preset.hpp"

namespace raibid {

/// The names of the presets that are compiled in.
std::vector<std::string> builtin_presets();

/// Whether `name` means a file: it has a slash, or ends in .yaml or .yml.
bool is_preset_file(const std::string& name);

/// The text of a preset, comments and all, of a name or a file as load_preset takes them.
std::string preset_text(const std::string& name);

/// A preset by name, or from a file when `name` has a slash or ends in .yaml/.yml. Throws Error (usage): no such preset
/// (the nearest offered), no such file, and as parse_preset.
Preset load_preset(const std::string& name, std::span<const OptionSpec> options);

}  // namespace raibid
