#pragma once

#include <filesystem>
#include <string_view>

namespace raibid {

/// Writes everything to `fd`; Error (failure) naming `path`.
void write_all(int fd, std::string_view content, const std::filesystem::path& path);

/// Makes a name in `folder` that was just made, renamed or removed survive a power cut. Error (failure).
void sync_folder(const std::filesystem::path& folder);

}  // namespace raibid
