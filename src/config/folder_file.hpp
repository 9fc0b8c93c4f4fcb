#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "config/settings.hpp"

namespace raibid {

/// A `.raibid.yaml` chooses, for a folder and all below it, which Redis is meant. It may say nothing else.
inline constexpr std::string_view folder_file_name = ".raibid.yaml";
inline constexpr std::string_view folder_keys[] = {"target", "context", "namespace", "release", "preset"};

/// The nearest one, from `folder` upward to the user's home, or to the root where `folder` is not in the home.
std::optional<std::filesystem::path> find_folder_file(const std::filesystem::path& folder, const Paths& paths);

/// Its text as it is; nothing when it does not exist. Throws Error (preflight) for a symbolic link, anything that is no
/// file, and one that another user has or can write.
std::optional<std::string> read_folder_file(const std::filesystem::path& path);

/// What it chooses. Throws Error: (usage) as load_config_file, and for a key that does not say which Redis is meant;
/// (preflight) when it is another user's or others can write it: they would choose which Redis is removed.
SettingMap load_folder_file(const std::filesystem::path& path, const Paths& paths, std::span<const OptionSpec> options);

}  // namespace raibid
