#include "components/presets.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

constexpr std::string_view folder = "presets/";
constexpr std::string_view extension = ".yaml";

std::string file_text(const std::string& path) {
  const std::optional<std::string> text = read_file(path);
  if (text) return *text;
  throw Error(ExitCode::usage, fmt::format("--preset: there is no file {}", printable(path)),
              "name a preset file, or one of " + join(builtin_presets(), ", "));
}

}  // namespace

bool is_preset_file(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

std::vector<std::string> builtin_presets() {
  std::vector<std::string> names;
  for (std::string_view path : assets_below(folder)) {
    path.remove_prefix(folder.size());
    if (path.ends_with(extension) && path.find('/') == std::string_view::npos) {
      names.emplace_back(path.substr(0, path.size() - extension.size()));
    }
  }
  return names;
}

std::string preset_text(const std::string& name) {
  if (is_preset_file(name)) return file_text(name);
  const std::vector<std::string> names = builtin_presets();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw Error(ExitCode::usage, fmt::format("there is no preset \"{}\"{}", printable(name), did_you_mean(name, names)),
                fmt::format("choose one of {}, or name a file of your own with a / in its path", join(names, ", ")));
  }
  return std::string(asset(fmt::format("{}{}{}", folder, name, extension)));
}

Preset load_preset(const std::string& name, std::span<const OptionSpec> options) {
  return parse_preset(preset_text(name), is_preset_file(name) ? name : "preset " + name, options);
}

}  // namespace raibid
