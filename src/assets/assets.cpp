#include "assets/assets.hpp"

#include "base/error.hpp"
#include "sys/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace raibid {

namespace {

/// The files below `folder`, which may be given with or without its slash. They are sorted, so they stand together.
std::span<const Asset> files_below(std::string_view folder) {
  std::string prefix(folder);
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  const std::span<const Asset> all = assets();
  const auto first =
      std::partition_point(all.begin(), all.end(), [&](const Asset& asset) { return asset.path < prefix; });
  const auto last =
      std::partition_point(first, all.end(), [&](const Asset& asset) { return asset.path.starts_with(prefix); });
  return {first, last};
}

std::string_view relative_to(std::string_view path, std::string_view folder) {
  path.remove_prefix(folder.size());
  return path.starts_with('/') ? path.substr(1) : path;
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (error || !file) throw Error(ExitCode::failure, fmt::format("cannot write {}", path.string()));
}

}  // namespace

std::string_view asset(std::string_view path) {
  const std::span<const Asset> all = assets();
  const auto found = std::lower_bound(all.begin(), all.end(), path,
                                      [](const Asset& one, std::string_view wanted) { return one.path < wanted; });
  if (found == all.end() || found->path != path)
    throw std::out_of_range(fmt::format("no file {} is compiled in", path));
  return found->content;
}

std::vector<std::string_view> assets_below(std::string_view folder) {
  std::vector<std::string_view> paths;
  for (const Asset& file : files_below(folder)) paths.push_back(file.path);
  return paths;
}

void unpack_assets(std::string_view folder, const std::filesystem::path& destination) {
  for (const Asset& file : files_below(folder)) write_file(destination / relative_to(file.path, folder), file.content);
}

std::string assets_digest(std::string_view folder) {
  std::string all;
  for (const Asset& file : files_below(folder)) {
    // the length keeps one file's end and the next one's beginning apart
    all += fmt::format("{}\n{}\n", relative_to(file.path, folder), file.content.size());
    all += file.content;
  }
  return sha256_hex(all);
}

}  // namespace raibid
