#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/change_guard.hpp"
#include "sys/clock.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

class NewFile;

namespace fs = std::filesystem;

/// Every function here throws Error with the path and the system's reason: `failure` unless it says otherwise.

/// The whole file; std::nullopt when there is none. A directory, a device or more than `limit` bytes is an Error
/// (usage). A FIFO is read to its end, so that `--password-file <(pass redis)` works; a signal ends the wait for it
/// (failure), and so does `until`.
std::optional<std::string> read_file(const fs::path& path, std::size_t limit = 1 << 20,
                                     TimePoint until = TimePoint::max());

/// As read_file and write_atomic (0600), for a file that we keep for ourselves, such as credentials. A symbolic link,
/// and to read a file of another user, one that others can write, or what is not a regular file, is Error (preflight).
std::optional<std::string> read_own_file(const fs::path& path, std::size_t limit = 1 << 20);
void write_own_file(const fs::path& path, std::string_view content);

/// Written to a new file beside `path` with `mode` from its first byte, fsynced, then renamed over it: readers see the
/// old or the new content, never a part. A symbolic link stays one and what it points to is written: people keep such
/// files elsewhere, and a rename over the link would part them.
void write_atomic(const fs::path& path, std::string_view content, mode_t mode = 0600);

/// Writes a file that is not there yet; false, and nothing changed, when there is anything of that name.
bool create_file(const fs::path& path, std::string_view content, mode_t mode = 0644);

/// Removes from `folder` what write_atomic of a process that was killed left there. What cannot be removed stays.
void remove_temporary_files(const fs::path& folder, int pid);

/// Makes `path` and its parents; `path` itself is 0700. One that is there already is left alone, but an Error
/// (preflight) when we cannot write in it. What cannot be made is Error (preflight) as well.
void make_private_directory(const fs::path& path);

/// Throws what make_private_directory would where it can be told, and makes nothing.
void check_private_directory(const fs::path& path);

/// What tells one content of a file from another without reading it: when it changes, the file was written or replaced.
struct FileStamp {
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t written = 0;  ///< nanoseconds since 1970
  bool operator==(const FileStamp&) const = default;
};
FileStamp file_stamp(const fs::path& path);

/// Removes a file or a whole tree; nothing there is fine.
void remove_tree(const fs::path& path);

/// What a run changes in files: a command reaches the functions above that change something through this alone, and in
/// a dry run they throw (see ChangeGuard).
class Files {
 public:
  explicit Files(const ChangeGuard& guard) : m_guard(guard) {}

  void write_atomic(const fs::path& path, std::string_view content, mode_t mode = 0600) const;
  void write_own_file(const fs::path& path, std::string_view content) const;
  bool create_file(const fs::path& path, std::string_view content, mode_t mode = 0644) const;
  void remove_temporary_files(const fs::path& folder, int pid) const;
  void make_private_directory(const fs::path& path) const;
  void remove_tree(const fs::path& path) const;
  /// See NewFile and settle_parts.
  std::unique_ptr<NewFile> new_file(const fs::path& path) const;
  void settle_parts(const fs::path& folder, const std::function<bool(const std::string& name)>& is_ours,
                    const std::function<bool(const fs::path& path)>& finish) const;
  /// Renames a file or folder within one file system, and makes that durable. Throws Error (failure), also when there
  /// is something of the new name already.
  void rename(const fs::path& from, const fs::path& to) const;
  /// Makes `link` a symbolic link to `target`; Error (failure) when there is something of that name.
  void make_link(const fs::path& target, const fs::path& link) const;
  /// Renames `from` over the symbolic link `link`, and makes that durable; false, and nothing changed, when `link` is
  /// none (any more).
  bool replace_link(const fs::path& from, const fs::path& link) const;

 private:
  ChangeGuard m_guard;
};

/// A file in memory alone, for one who takes it by its path: /proc/self/fd/N in a child that has the descriptor. It
/// goes with its last descriptor, however the process ends, and no child has it unless it is handed over.
UniqueFd memory_file(std::string_view content);

/// A folder (0700) under `parent` that goes with the object. A dry run may have one too: to render a chart in.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const fs::path& parent);
  /// One whose name tells what it is for ("raibid-PURPOSE-…"): those of runs that were killed are removed first.
  TemporaryDirectory(const fs::path& parent, const std::string& purpose);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const fs::path& path() const { return m_path; }

 private:
  fs::path m_path;
  UniqueFd m_lock;
};

}  // namespace raibid
