#include "sys/files.hpp"

#include "base/error.hpp"
#include "sys/file_io.hpp"
#include "sys/new_file.hpp"
#include "sys/system_error.hpp"
#include "sys/trust.hpp"
#include "sys/unique_fd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace raibid {

namespace {

constexpr int most_links = 40;  // as the kernel's own limit

Error refused(const fs::path& path, int number, ExitCode code = ExitCode::failure) {
  return system_error(code, path.string(), number);
}

/// Until there is something to read, or the other end is closed.
void wait_for_bytes(int fd, TimePoint until, const fs::path& path) {
  constexpr Duration longest = std::chrono::hours(1);
  const auto left = until - std::chrono::steady_clock::now();
  pollfd end = {fd, POLLIN, 0};
  const int ready =
      ::poll(&end, 1, static_cast<int>(std::clamp(std::chrono::ceil<Duration>(left), Duration(0), longest).count()));
  if (ready < 0) throw refused(path, errno);  // EINTR as well: it is how Ctrl-C ends the wait
  if (ready == 0 && std::chrono::steady_clock::now() >= until)
    throw Error(ExitCode::failure, path.string() + ": no input arrived in time", "--timeout gives it longer");
}

/// Reads to the end, but no more than `most` bytes.
std::string read_up_to(int fd, std::size_t most, const fs::path& path, TimePoint until) {
  std::string content;
  std::array<char, 16384> buffer{};
  while (content.size() < most) {
    const ssize_t count = ::read(fd, buffer.data(), std::min(buffer.size(), most - content.size()));
    if (count == 0) break;
    if (count < 0 && errno == EAGAIN) {
      wait_for_bytes(fd, until, path);
      continue;
    }
    if (count < 0) throw refused(path, errno);
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return content;
}

/// Where a write to `path` ends up when it is a symbolic link, also one to a file that is not there yet.
fs::path follow_links(fs::path path) {
  for (int i = 0; i < most_links; ++i) {
    std::error_code error;
    const fs::path target = fs::read_symlink(path, error);
    if (error) return path;
    path = path.parent_path() / target;
  }
  throw refused(path, ELOOP);
}

/// Without waiting for the other end of a FIFO, until we know that it is one. Nothing when there is no such file.
UniqueFd open_to_read(const fs::path& path, int flags = 0) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags));
  if (!fd && errno != ENOENT && errno != ENOTDIR) throw refused(path, errno);
  return fd;
}

std::string read_from(const UniqueFd& fd, const fs::path& path, std::size_t limit, TimePoint until) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw refused(path, errno);
  if (S_ISDIR(status.st_mode)) throw Error(ExitCode::usage, path.string() + ": this is a directory, not a file");
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) {
    throw Error(ExitCode::usage, path.string() + ": this is not a regular file");
  }
  std::string content =
      read_up_to(fd.get(), std::max(limit, limit + 1), path, until);  // one more says that there is more
  if (content.size() > limit) {
    throw Error(ExitCode::usage, path.string() + ": larger than " + std::to_string(limit) + " bytes");
  }
  return content;
}

void refuse_link(const fs::path& path) {
  std::error_code none;
  if (!fs::is_symlink(path, none)) return;
  throw Error(ExitCode::preflight, path.string() + " is a symbolic link, and passwords are not kept behind one",
              "put the file itself there, or set RAIBID_HOME to the folder where it is");
}

void refuse_special(int fd, const fs::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || S_ISREG(status.st_mode)) return;
  throw Error(ExitCode::preflight, path.string() + " is not a regular file, so it is not read",
              "see what it is (ls -l), and move it away");
}

std::string temporary_prefix(int pid) { return ".raibid-" + std::to_string(pid) + "-"; }

/// A name for a new file beside its target, removed unless `keep` was called.
class TemporaryFile {
 public:
  TemporaryFile(const fs::path& folder, mode_t mode)
      : m_name((folder / (temporary_prefix(::getpid()) + "XXXXXX")).string()) {
    m_fd = UniqueFd(::mkostemp(m_name.data(), O_CLOEXEC));
    if (!m_fd) throw refused(folder, errno);
    // mkostemp makes it 0600; what is wanted beyond that comes before the first byte
    if (::fchmod(m_fd.get(), mode) != 0) {
      const int number = errno;
      ::unlink(m_name.c_str());
      throw refused(folder, number);
    }
  }
  ~TemporaryFile() {
    if (!m_kept) ::unlink(m_name.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int fd() const { return m_fd.get(); }
  const std::string& name() const { return m_name; }
  void keep() { m_kept = true; }

 private:
  std::string m_name;
  UniqueFd m_fd;
  bool m_kept = false;
};

}  // namespace

void write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw refused(path, errno);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
}

void sync_folder(const fs::path& folder) {
  const UniqueFd fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // EINVAL: a file system that cannot do it for folders
  if (!fd || (::fsync(fd.get()) != 0 && errno != EINVAL)) throw refused(folder, errno);
}

std::optional<std::string> read_file(const fs::path& path, std::size_t limit, TimePoint until) {
  const UniqueFd fd = open_to_read(path);
  if (!fd) return std::nullopt;
  return read_from(fd, path, limit, until);
}

std::optional<std::string> read_own_file(const fs::path& path, std::size_t limit) {
  refuse_link(path);  // with words of its own; O_NOFOLLOW is what keeps us from following one
  const UniqueFd fd = open_to_read(path, O_NOFOLLOW);
  if (!fd) return std::nullopt;
  check_own_file(fd.get(), path);
  refuse_special(fd.get(), path);  // we write a file there: a FIFO is someone's mistake or trap, and could be silent
  return read_from(fd, path, limit, TimePoint::max());
}

void write_own_file(const fs::path& path, std::string_view content) {
  refuse_link(path);
  write_atomic(path, content);
}

void write_atomic(const fs::path& path, std::string_view content, mode_t mode) {
  const fs::path target = follow_links(path);
  TemporaryFile file(target.has_parent_path() ? target.parent_path() : fs::path("."), mode);
  write_all(file.fd(), content, target);
  if (::fsync(file.fd()) != 0) throw refused(target, errno);
  if (::rename(file.name().c_str(), target.c_str()) != 0) throw refused(target, errno);
  file.keep();
  sync_folder(target.parent_path());
}

bool create_file(const fs::path& path, std::string_view content, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd && errno == EEXIST) return false;
  if (!fd) throw refused(path, errno);
  try {
    write_all(fd.get(), content, path);
    if (::fsync(fd.get()) != 0) throw refused(path, errno);
  } catch (const Error&) {
    ::unlink(path.c_str());
    throw;
  }
  return true;
}

namespace {

Error unusable(const fs::path& folder, int number) {
  const std::string chown = chown_hint(folder);
  return refused(folder, number, ExitCode::preflight)
      .with_hint(chown.empty() ? "make it a folder that you can write in, or set RAIBID_HOME to one"
                               : "it belongs to root, as after a run with sudo; give it back to you: " + chown);
}

}  // namespace

void make_private_directory(const fs::path& given) {
  const fs::path path = given.has_filename() ? given : given.parent_path();  // "folder/" is folder
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (error) throw unusable(path.parent_path(), error.value());
  if (::mkdir(path.c_str(), 0700) == 0) return sync_folder(path.parent_path());
  if (errno != EEXIST) throw unusable(path, errno);
  if (!fs::is_directory(path, error)) throw unusable(path, ENOTDIR);
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0) throw unusable(path, errno);
}

void check_private_directory(const fs::path& path) {
  fs::path present = fs::absolute(path);
  std::error_code error;
  while (!fs::exists(present, error) && present.has_relative_path()) present = present.parent_path();
  if (!fs::is_directory(present, error)) throw unusable(present, ENOTDIR);
  if (::faccessat(AT_FDCWD, present.c_str(), W_OK | X_OK, AT_EACCESS) != 0) throw unusable(present, errno);
}

void remove_temporary_files(const fs::path& folder, int pid) {
  std::error_code ignored;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with(temporary_prefix(pid))) left.push_back(entry.path());
  }
  for (const fs::path& path : left) fs::remove(path, ignored);
}

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) throw refused(path, error.value());
}

void Files::write_atomic(const fs::path& path, std::string_view content, mode_t mode) const {
  m_guard.check("write " + path.string());
  raibid::write_atomic(path, content, mode);
}

void Files::write_own_file(const fs::path& path, std::string_view content) const {
  m_guard.check("write " + path.string());
  raibid::write_own_file(path, content);
}

bool Files::create_file(const fs::path& path, std::string_view content, mode_t mode) const {
  m_guard.check("write " + path.string());
  return raibid::create_file(path, content, mode);
}

void Files::remove_temporary_files(const fs::path& folder, int pid) const {
  m_guard.check("remove files from " + folder.string());
  raibid::remove_temporary_files(folder, pid);
}

void Files::make_private_directory(const fs::path& path) const {
  m_guard.check("make " + path.string());
  raibid::make_private_directory(path);
}

void Files::remove_tree(const fs::path& path) const {
  m_guard.check("remove " + path.string());
  raibid::remove_tree(path);
}

UniqueFd memory_file(std::string_view content) {
  UniqueFd file(::memfd_create("raibid", MFD_CLOEXEC));
  if (!file) throw refused("memory", errno);
  write_all(file.get(), content, "memory");
  return file;
}

std::unique_ptr<NewFile> Files::new_file(const fs::path& path) const {
  m_guard.check("write " + path.string());
  return std::make_unique<NewFile>(path);
}

void Files::settle_parts(const fs::path& folder, const std::function<bool(const std::string& name)>& is_ours,
                         const std::function<bool(const fs::path& path)>& finish) const {
  m_guard.check("settle files of " + folder.string());
  raibid::settle_parts(folder, is_ours, finish);
}

void Files::rename(const fs::path& from, const fs::path& to) const {
  m_guard.check("rename " + from.string());
  std::error_code none;
  if (fs::exists(fs::symlink_status(to, none))) throw refused(to, EEXIST);
  if (::rename(from.c_str(), to.c_str()) != 0) throw refused(from, errno);
  sync_folder(to.parent_path());
}

void Files::make_link(const fs::path& target, const fs::path& link) const {
  m_guard.check("make " + link.string());
  if (::symlink(target.c_str(), link.c_str()) != 0) throw refused(link, errno);
}

bool Files::replace_link(const fs::path& from, const fs::path& link) const {
  m_guard.check("rename " + from.string());
  std::error_code none;
  if (!fs::is_symlink(fs::symlink_status(link, none))) return false;
  if (::rename(from.c_str(), link.c_str()) != 0) throw refused(from, errno);
  sync_folder(link.parent_path());
  return true;
}

FileStamp file_stamp(const fs::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) throw refused(path, errno);
  return {found.st_ino, found.st_size, found.st_mtim.tv_sec * std::int64_t{1'000'000'000} + found.st_mtim.tv_nsec};
}

TemporaryDirectory::TemporaryDirectory(const fs::path& parent) {
  std::string name = (parent / "raibid-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw refused(parent, errno);
  m_path = name;
}

namespace {

/// An open folder whose lock (flock) is ours; nothing when it is another's, or there is no such folder of this user.
UniqueFd locked_folder(const fs::path& path) {
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat found {};
  const bool ours = folder && ::fstat(folder.get(), &found) == 0 && found.st_uid == ::geteuid();
  if (!ours || ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) return UniqueFd();
  return folder;
}

/// The lock goes with its process, so that a folder without one was left by a run that was killed.
void remove_left_folders(const fs::path& parent, const std::string& prefix) {
  std::vector<fs::path> all;
  std::error_code none;
  fs::directory_iterator entry(parent, none);
  for (const fs::directory_iterator end; !none && entry != end; entry.increment(none)) {
    if (entry->path().filename().string().starts_with(prefix)) all.push_back(entry->path());
  }
  for (const fs::path& path : all) {
    std::error_code ignored;  // what cannot be removed stays
    if (locked_folder(path)) fs::remove_all(path, ignored);
  }
}

}  // namespace

TemporaryDirectory::TemporaryDirectory(const fs::path& parent, const std::string& purpose) {
  const std::string prefix = "raibid-" + purpose + "-";
  remove_left_folders(parent, prefix);
  std::string name = (parent / (prefix + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) throw refused(parent, errno);
  m_path = name;
  m_lock = locked_folder(m_path);
  if (!m_lock) throw refused(m_path, errno);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // a destructor has nobody to tell
  fs::remove_all(m_path, ignored);
}

}  // namespace raibid
