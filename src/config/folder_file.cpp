#include "config/folder_file.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "config/config_file.hpp"
#include "config/yaml_guard.hpp"
#include "sys/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <system_error>

namespace raibid {

namespace fs = std::filesystem;

std::optional<fs::path> find_folder_file(const fs::path& folder, const Paths& paths) {
  std::error_code ignored;
  for (fs::path at = folder; !at.empty(); at = at.parent_path()) {
    if (fs::exists(fs::status(at / folder_file_name, ignored))) return at / folder_file_name;
    if (at == paths.user || at == at.root_path()) break;
  }
  return std::nullopt;
}

std::optional<std::string> read_folder_file(const fs::path& path) {
  const std::string hint = "remove it, or work in another folder; with --config no .raibid.yaml is read";
  std::error_code none;
  if (fs::is_symlink(path, none))
    throw Error(ExitCode::preflight, path.string() + " is a symbolic link, which may lead to a file of someone else",
                hint);
  try {
    return read_own_file(path, yaml_limits::bytes);
  } catch (Error& error) {
    throw error.with_hint(hint);
  }
}

SettingMap load_folder_file(const fs::path& path, const Paths& paths, std::span<const OptionSpec> options) {
  read_folder_file(path);
  SettingMap settings = load_config_file(path, paths.shown(path), options);
  for (auto& [name, setting] : settings) {
    setting.origin.only_here = true;
    if (std::find(std::begin(folder_keys), std::end(folder_keys), name) != std::end(folder_keys)) continue;
    throw Error(ExitCode::usage, fmt::format("{}: {} says nothing of which Redis is meant", setting.origin.where, name),
                fmt::format("it belongs into {}; here may stand: {}", paths.shown(paths.config_file()),
                            join(std::vector<std::string>(std::begin(folder_keys), std::end(folder_keys)), ", ")));
  }
  return settings;
}

}  // namespace raibid
