#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace raibid {

/// The files, by name and content, as a tar archive (POSIX ustar, mode 0600), gzipped. Throws Error (failure) for a
/// name of more than 100 characters.
std::string tar_gz(const std::vector<std::pair<std::string, std::string>>& files,
                   std::chrono::system_clock::time_point modified);

}  // namespace raibid
