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

bool is_file_name(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

Preset load_file(const std::string& path, std::span<const OptionSpec> options) {
  const std::optional<std::string> text = read_file(path);
  if (!text) {
    throw Error(ExitCode::usage, fmt::format("--preset: there is no file {}", printable(path)),
                "name a preset file, or one of " + join(builtin_presets(), ", "));
  }
  return parse_preset(*text, path, options);
}

}  // namespace

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

Preset load_preset(const std::string& name, std::span<const OptionSpec> options) {
  if (is_file_name(name)) return load_file(name, options);
  const std::vector<std::string> names = builtin_presets();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw Error(ExitCode::usage, fmt::format("there is no preset \"{}\"{}", printable(name), did_you_mean(name, names)),
                fmt::format("choose one of {}, or name a file of your own with a / in its path", join(names, ", ")));
  }
  return parse_preset(asset(fmt::format("{}{}{}", folder, name, extension)), "preset " + name, options);
}

}  // namespace raibid
