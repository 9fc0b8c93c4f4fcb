#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/preset.hpp"

namespace raibid {

/// The names of the presets that are compiled in.
std::vector<std::string> builtin_presets();

/// A preset by name, or from a file when `name` has a slash or ends in .yaml/.yml. Throws Error (usage): no such preset (the nearest
/// offered), no such file, and as parse_preset.
Preset load_preset(const std::string& name, std::span<const OptionSpec> options);

}  // namespace raibid
