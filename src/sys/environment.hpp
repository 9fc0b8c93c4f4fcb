#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace raibid {

/// The environment variables, read once in main.
using Environment = std::map<std::string, std::string>;

Environment system_environment();

/// The value, or "" when it is not set.
std::string variable(const Environment& environment, const std::string& name);

/// "~" and "~/x" with the user's home in place of ~, as a shell reads them; anything else as it is.
std::string with_home(const std::string& path, const std::string& home);

/// Where files that do not stay are made: TMPDIR, or /tmp.
std::filesystem::path temporary_folder(const Environment& environment);

/// Where this program keeps its files.
struct Paths {
  std::filesystem::path home;  ///< ~/.raibid, or RAIBID_HOME
  std::filesystem::path user;  ///< the user's home directory
  std::filesystem::path temporary;

  std::filesystem::path journal() const { return home / "journal"; }
  std::filesystem::path evidence() const { return home / "evidence"; }
  std::filesystem::path local() const { return home / "local"; }
  std::filesystem::path config_file() const { return home / "config.yaml"; }

  /// `path` with the user's home shortened to ~, for people to read.
  std::string shown(const std::filesystem::path& path) const;
};

/// Where this program is. Throws std::filesystem::filesystem_error where /proc is not mounted.
std::filesystem::path own_program();

/// Throws Error (preflight) when neither RAIBID_HOME nor HOME says where.
Paths resolve_paths(const Environment& environment);

}  // namespace raibid
