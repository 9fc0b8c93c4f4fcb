#include "sys/environment.hpp"

#include "base/error.hpp"

#include <unistd.h>

#include <string_view>

namespace raibid {

namespace {

/// Absolute, without . and .. and without a slash at the end.
std::filesystem::path tidy(const std::string& text) {
  const std::filesystem::path path = std::filesystem::absolute(text).lexically_normal();
  return path.has_filename() || path == path.root_path() ? path : path.parent_path();
}

}  // namespace

Environment system_environment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

std::string Paths::shown(const std::filesystem::path& path) const {
  const std::string text = path.string();
  const std::string prefix = user.string();
  if (prefix.empty() || prefix == "/" || !text.starts_with(prefix)) return text;
  const std::string rest = text.substr(prefix.size());
  return rest.empty() || rest.starts_with('/') ? "~" + rest : text;
}

std::string with_home(const std::string& path, const std::string& home) {
  const bool starts = path == "~" || path.starts_with("~/");
  return starts && !home.empty() ? home + path.substr(1) : path;
}

std::filesystem::path temporary_folder(const Environment& environment) {
  const std::string temporary = variable(environment, "TMPDIR");
  return tidy(temporary.empty() ? "/tmp" : temporary);
}

std::filesystem::path own_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

Paths resolve_paths(const Environment& environment) {
  const std::string user = variable(environment, "HOME");
  const std::string home = with_home(variable(environment, "RAIBID_HOME"), user);
  if (user.empty() && home.empty()) {
    throw Error(ExitCode::preflight,
                "neither RAIBID_HOME nor HOME is set, so there is no place for credentials and the journal",
                "set RAIBID_HOME to a folder that only you can read, for instance RAIBID_HOME=/var/lib/raibid");
  }
  Paths paths;
  if (!user.empty()) paths.user = tidy(user);
  paths.home = home.empty() ? paths.user / ".raibid" : tidy(home);
  paths.temporary = temporary_folder(environment);
  return paths;
}

}  // namespace raibid
