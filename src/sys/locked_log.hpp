#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "sys/files.hpp"

namespace raibid {

/// Appends lines to a file, fsynced before `append` returns. Holds an exclusive lock (flock) as long as it lives,
/// so that two processes cannot write one file; the lock goes with the process, however it ends.
class LockedLog {
 public:
  /// std::nullopt when another process holds the lock. Made 0600 when it is not there. A symbolic link is an Error, and
  /// so is a file of another user or one that others can write (preflight).
  static std::optional<LockedLog> open(const fs::path& path);
  /// The same for reading `content` alone: makes and changes nothing, and shares the lock with others who only look.
  /// std::nullopt also when there is no such file.
  static std::optional<LockedLog> look(const fs::path& path);

  LockedLog(LockedLog&& other) noexcept;
  LockedLog& operator=(LockedLog&&) = delete;
  ~LockedLog();

  std::string content() const;
  /// Whether the file that is locked is still the one of that name: it may have been removed or replaced meanwhile, and
  /// then someone else can hold the lock of the new one.
  bool still_named() const;
  /// A last line without its end, which a kill in the middle of an append leaves, is dropped first. Without `sync` the
  /// line survives our end but perhaps not the machine's, until a later append syncs it.
  void append(std::string_view line, bool sync = true);
  /// Empties and removes the file and gives up the lock. Another file that has taken its name stays.
  void remove();

 private:
  LockedLog(fs::path path, int fd) : m_path(std::move(path)), m_fd(fd) {}

  fs::path m_path;
  int m_fd;
};

}  // namespace raibid
