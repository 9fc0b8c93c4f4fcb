#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace raibid {

struct ArchiveFile {
  std::string name;
  std::string content;
  unsigned mode = 0600;
};

/// The files as a tar archive (POSIX ustar), gzipped. Throws Error (failure) for a name of more than 100 characters.
std::string tar_gz(const std::vector<ArchiveFile>& files, std::chrono::system_clock::time_point modified);

}  // namespace raibid
