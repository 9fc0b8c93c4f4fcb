#include "config/config_file.hpp"

#include "base/error.hpp"
#include "config/settings.hpp"
#include "config/yaml_guard.hpp"
#include "config/yaml_settings.hpp"
#include "config/yaml_tree.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

/// What another program writes into is no place for settings: with no writer it would count as an empty file.
void refuse_fifo(const std::filesystem::path& path) {
  std::error_code unreadable;  // which read_file explains
  if (std::filesystem::is_fifo(path, unreadable))
    throw Error(ExitCode::usage, path.string() + ": this is a FIFO, not a file");
}

}  // namespace

std::optional<std::string> read_settings_file(const std::filesystem::path& path) {
  refuse_fifo(path);
  try {
    return read_file(path, yaml_limits::bytes);
  } catch (Error& error) {
    throw error.with_code(ExitCode::usage);
  }
}

SettingMap load_config_file(const std::filesystem::path& path, const std::string& shown,
                            std::span<const OptionSpec> options) {
  try {
    const std::optional<std::string> text = read_settings_file(path);
    return text ? settings_of(parse_yaml_tree(*text, shown), shown, options) : SettingMap{};
  } catch (Error& error) {
    if (error.hint().empty()) error.with_hint("correct it, or name another file with --config");
    throw;
  }
}

}  // namespace raibid
