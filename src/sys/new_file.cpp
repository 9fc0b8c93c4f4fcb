#include "sys/new_file.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/file_io.hpp"
#include "sys/files.hpp"
#include "sys/system_error.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

namespace raibid {

namespace {

constexpr std::size_t piece = 1 << 20;
constexpr long long disk_piece = 16 << 20;  ///< bytes after which the kernel is asked to start writing to the disk
constexpr const char* part_ending = ".part";

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

Error exists_already(const fs::path& path) {
  return Error(ExitCode::preflight, path.string() + " exists and is not overwritten", "choose another name");
}

/// Renames, unless there is a file of the new name.
bool rename_to_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  // a file system that cannot do it in one: a link fails when the name is taken, and some have no links either
  if (::link(from.c_str(), to.c_str()) == 0) return ::unlink(from.c_str()) == 0;
  if (errno == EEXIST) return false;
  std::error_code none;
  if (fs::exists(fs::symlink_status(to, none))) {
    errno = EEXIST;
    return false;
  }
  return ::rename(from.c_str(), to.c_str()) == 0;
}

/// Locked and ours, or nothing.
UniqueFd take_left_part(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat found {};
  const bool ours = fd && ::fstat(fd.get(), &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == ::geteuid();
  if (!ours || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return UniqueFd();
  return fd;
}

}  // namespace

NewFile::NewFile(fs::path path) : m_path(std::move(path)) {
  std::error_code none;
  if (fs::exists(fs::symlink_status(m_path, none))) throw exists_already(m_path);
  if (const UniqueFd left = take_left_part(part())) ::unlink(part().c_str());
  m_fd = UniqueFd(::open(part().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!m_fd && errno == EEXIST)
    throw Error(ExitCode::preflight, part().string() + " is there, and is not a file that an interrupted run left",
                "another run may be writing it; else remove it");
  if (!m_fd) throw system_error(ExitCode::failure, part().string(), errno);
  ::flock(m_fd.get(), LOCK_EX | LOCK_NB);  // where there are no locks, two runs of one second are the user's affair
}

NewFile::~NewFile() {
  if (!m_kept) ::unlink(part().c_str());
}

void NewFile::write(std::string_view bytes) {
  write_all(m_fd.get(), bytes, part());
  m_written += static_cast<long long>(bytes.size());
  if (m_written - m_begun < disk_piece) return;
  // Otherwise Linux starts to write when 10 % of the memory waits for the disk, and `sync` has to wait for all of it.
  // The result is not checked: `sync` reports errors of the disk.
  ::sync_file_range(m_fd.get(), m_begun, m_written - m_begun, SYNC_FILE_RANGE_WRITE);
  m_begun = m_written;
}

void NewFile::sync() {
  if (::fsync(m_fd.get()) != 0) throw system_error(ExitCode::failure, part().string(), errno);
}

void NewFile::keep() {
  sync();
  if (!rename_to_new(part(), m_path)) {
    if (errno == EEXIST) throw exists_already(m_path).with_code(ExitCode::failure);
    throw system_error(ExitCode::failure, m_path.string(), errno);
  }
  m_kept = true;
  sync_folder(folder_of(m_path));
}

void settle_parts(const fs::path& folder, const std::function<bool(const std::string& name)>& is_ours,
                  const std::function<bool(const fs::path& path)>& finish) {
  std::error_code none;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(part_ending) && is_ours(name.substr(0, name.size() - std::string_view(part_ending).size())))
      left.push_back(entry.path());
  }
  for (const fs::path& path : left) {
    const UniqueFd held = take_left_part(path);
    if (!held) continue;
    fs::path whole = path;
    whole.replace_extension();  // ".part" alone
    if (!finish(whole) || !rename_to_new(path, whole)) ::unlink(path.c_str());
  }
}

void read_in_pieces(const fs::path& path, const std::function<void(std::string_view)>& take) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) throw system_error(ExitCode::failure, path.string(), errno);
  std::vector<char> buffer(piece);
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error(ExitCode::failure, path.string(), errno);
    if (got == 0) return;
    take(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  }
}

long long free_bytes(const fs::path& folder) {
  std::error_code none;
  fs::path present = fs::absolute(folder, none);
  while (!fs::exists(present, none) && present.has_relative_path()) present = present.parent_path();
  struct statvfs found {};
  if (::statvfs(present.c_str(), &found) != 0) return -1;
  return static_cast<long long>(found.f_bavail) * static_cast<long long>(found.f_frsize);
}

long long available_memory() {
  const std::string text = read_file("/proc/meminfo").value_or("");
  const std::size_t at = text.find("MemAvailable:");
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + 13) * 1024;
}

}  // namespace raibid
