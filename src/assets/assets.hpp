#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// A file of templates/, compiled into the program.
struct Asset {
  std::string_view path;  ///< relative to templates/: "charts/redis/Chart.yaml"
  std::string_view content;
};

/// All of them, sorted by path.
std::span<const Asset> assets();

/// The content of one. Throws std::out_of_range for a path that was not compiled in.
std::string_view asset(std::string_view path);

/// The paths below `folder` ("presets/").
std::vector<std::string_view> assets_below(std::string_view folder);

/// Writes everything below `folder` into `destination`, keeping the structure. Throws Error (failure).
void unpack_assets(std::string_view folder, const std::filesystem::path& destination);

/// SHA-256 over paths and contents below `folder`: what "the same chart" means.
std::string assets_digest(std::string_view folder);

}  // namespace raibid
