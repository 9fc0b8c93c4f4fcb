#include "sys/locked_log.hpp"

#include "base/error.hpp"
#include "sys/file_io.hpp"
#include "sys/files.hpp"
#include "sys/system_error.hpp"
#include "sys/trust.hpp"
#include "sys/unique_fd.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace raibid {

namespace {

constexpr off_t largest_log = 64 << 20;

Error log_error(const fs::path& path, int number) { return system_error(ExitCode::failure, path.string(), number); }

/// False when `path` names no file any more, or another than `fd`: its last owner removed it while we opened it.
bool is_still(const fs::path& path, int fd) {
  struct stat named {
  }, opened{};
  if (::fstat(fd, &opened) != 0) throw log_error(path, errno);
  if (::stat(path.c_str(), &named) != 0) return false;
  return named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

off_t size_of(int fd, const fs::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw log_error(path, errno);
  return status.st_size;
}

}  // namespace

std::optional<LockedLog> LockedLog::open(const fs::path& path) {
  while (true) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!fd) throw log_error(path, errno);
    check_own_file(fd.get(), path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::nullopt;
      throw log_error(path, errno);
    }
    if (!is_still(path, fd.get())) continue;
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) throw log_error(path, errno);
    if (!S_ISREG(status.st_mode)) throw Error(ExitCode::failure, path.string() + ": this is not a regular file");
    if (status.st_size == 0) sync_folder(path.parent_path());
    return LockedLog(path, fd.release());
  }
}

std::optional<LockedLog> LockedLog::look(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) throw log_error(path, errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw log_error(path, errno);
  if (!S_ISREG(status.st_mode)) throw Error(ExitCode::failure, path.string() + ": this is not a regular file");
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    throw log_error(path, errno);
  }
  return LockedLog(path, fd.release());
}

LockedLog::LockedLog(LockedLog&& other) noexcept
    : m_path(std::move(other.m_path)), m_fd(std::exchange(other.m_fd, -1)) {}

LockedLog::~LockedLog() {
  if (m_fd >= 0) ::close(m_fd);
}

std::string LockedLog::content() const {
  const off_t size = size_of(m_fd, m_path);
  if (size > largest_log) throw log_error(m_path, EFBIG);
  std::string content(static_cast<std::size_t>(size), '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t count = ::pread(m_fd, content.data() + have, content.size() - have, static_cast<off_t>(have));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw log_error(m_path, errno);
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  content.resize(have);
  return content;
}

void LockedLog::append(std::string_view line, bool sync) {
  const std::string before = content();
  // what follows the last line's end is from an append that never returned: nobody has relied on it
  const std::size_t end = before.rfind('\n');
  const off_t whole = end == std::string::npos ? 0 : static_cast<off_t>(end + 1);
  if (whole != static_cast<off_t>(before.size()) && ::ftruncate(m_fd, whole) != 0) throw log_error(m_path, errno);
  try {
    write_all(m_fd, std::string(line) + "\n", m_path);
    if (sync && ::fsync(m_fd) != 0) throw log_error(m_path, errno);
  } catch (const Error&) {
    // no half line in the file, and no whole one that the caller was told is not there
    [[maybe_unused]] const int ignored = ::ftruncate(m_fd, whole);
    throw;
  }
}

bool LockedLog::still_named() const { return is_still(m_path, m_fd); }

void LockedLog::remove() {
  // where the name cannot be removed (the folder became read-only), at least what it said is gone
  [[maybe_unused]] const int ignored = ::ftruncate(m_fd, 0);
  if (!still_named()) {
    ::close(std::exchange(m_fd, -1));
    return;
  }
  if (::unlink(m_path.c_str()) != 0 && errno != ENOENT) throw log_error(m_path, errno);
  ::close(std::exchange(m_fd, -1));
  sync_folder(m_path.parent_path());
}

}  // namespace raibid
