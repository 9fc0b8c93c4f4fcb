#include "sys/trust.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

namespace raibid {

namespace {

namespace fs = std::filesystem;

constexpr int most_trusted_links = 40;  // as the kernel's own limit
constexpr mode_t others_write = S_IWGRP | S_IWOTH;
constexpr uid_t root_user = 0;

std::string user_name(uid_t uid) {
  const passwd* const user = ::getpwuid(uid);
  return user == nullptr ? fmt::format("user {}", uid) : fmt::format("user {} ({})", user->pw_name, uid);
}

bool is_ours(const struct stat& status) { return status.st_uid == ::geteuid() || status.st_uid == root_user; }

Error foreign(const fs::path& path, const struct stat& status) {
  const std::string owner = user_name(status.st_uid);
  return Error(ExitCode::preflight,
               fmt::format("{} belongs to {}, and this is {}: its contents are not trusted", printable(path.string()),
                           owner, user_name(::geteuid())),
               ::geteuid() == root_user
                   ? fmt::format("run it as {}, without sudo, or set RAIBID_HOME to a folder of root's", owner)
                   : "set RAIBID_HOME to a folder that belongs to you");
}

Error open_to_others(const fs::path& path, const struct stat& status) {
  return Error(
      ExitCode::preflight,
      fmt::format("{} can be written by other users (mode {:04o}): its contents are not trusted",
                  printable(path.string()), status.st_mode & 07777U),
      fmt::format("check that nobody has changed anything there, then: chmod go-w {}", shell_quote(path.string())));
}

void check_owner(const fs::path& path, const struct stat& status) {
  if (!is_ours(status)) throw foreign(path, status);
}

/// `sticky_will_do` where only what is below counts.
void check_status(const fs::path& path, const struct stat& status, bool sticky_will_do) {
  check_owner(path, status);
  if ((status.st_mode & others_write) == 0) return;
  if (sticky_will_do && S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0) return;
  throw open_to_others(path, status);
}

/// The names below the root, the last one first.
std::vector<fs::path> reversed(const fs::path& path) {
  std::vector<fs::path> names;
  for (const fs::path& name : path.relative_path()) {
    if (!name.empty() && name != ".") names.insert(names.begin(), name);
  }
  return names;
}

uid_t owner_of(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_uid : root_user;
}

/// Only for what lies in a folder of ours: nobody should be told to take /usr from root.
std::string give_back(const fs::path& path) {
  const uid_t us = ::geteuid();
  if (us == root_user || (owner_of(path) != us && owner_of(path.parent_path()) != us)) return "";
  return fmt::format("sudo chown -R {}:{} {}", us, ::getegid(), shell_quote(path.string()));
}

/// What is root's, and what we would need to do with it and cannot.
bool left_to_root(const fs::path& path) {
  struct stat status {};
  if (::geteuid() == root_user || ::lstat(path.c_str(), &status) != 0 || status.st_uid != root_user) return false;
  const bool folder = S_ISDIR(status.st_mode);
  if (!folder && !S_ISREG(status.st_mode)) return false;
  return ::faccessat(AT_FDCWD, path.c_str(), folder ? R_OK | X_OK : R_OK, AT_EACCESS) != 0;
}

void refuse_root_files(const fs::path& home, const fs::path& path) {
  if (!left_to_root(path)) return;
  const std::string chown = give_back(home);
  throw Error(ExitCode::preflight,
              fmt::format("{} belongs to root and cannot be read{}", printable(path.string()),
                          chown.empty() ? "" : ": a run with sudo made it"),
              chown.empty() ? "set RAIBID_HOME to a folder of yours" : "give the folder back to you: " + chown);
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code none;
  for (fs::directory_iterator entry(folder, none), end; !none && entry != end; entry.increment(none))
    entries.push_back(entry->path());
  return entries;
}

}  // namespace

void check_trusted_folder(const fs::path& path) {
  fs::path current = path.root_path().empty() ? "/" : path.root_path();
  std::vector<fs::path> rest = reversed(fs::absolute(path));
  int links = 0;
  for (;;) {
    struct stat status {};
    if (::lstat(current.c_str(), &status) != 0) return;  // not there yet, or not for us to see: whoever uses it is told
    if (S_ISLNK(status.st_mode)) {
      check_owner(current, status);
      std::error_code error;
      const fs::path target = fs::read_symlink(current, error);
      if (error || ++links > most_trusted_links) return;  // whoever opens it is told
      const std::vector<fs::path> names = reversed(target);
      rest.insert(rest.end(), names.begin(), names.end());
      current = target.is_absolute() ? target.root_path() : current.parent_path();
      continue;
    }
    check_status(current, status, !rest.empty());
    if (rest.empty()) return;
    current = rest.back() == ".." ? current.parent_path() : current / rest.back();
    rest.pop_back();
  }
}

void check_own_file(int fd, const fs::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;  // whoever reads it is told
  check_status(path, status, false);
}

void check_home(const fs::path& home) {
  check_trusted_folder(home);
  refuse_root_files(home, home);
  for (const fs::path& entry : entries_of(home)) refuse_root_files(home, entry);
  for (const char* name : {"journal", "local", "evidence"}) {
    check_trusted_folder(home / name);
    for (const fs::path& entry : entries_of(home / name)) refuse_root_files(home, entry);
  }
  for (const fs::path& instance : entries_of(home / "local")) {
    check_trusted_folder(instance);
    for (const fs::path& entry : entries_of(instance)) refuse_root_files(home, entry);
  }
}

std::string chown_hint(const fs::path& path) {
  struct stat status {};
  const bool roots = ::lstat(path.c_str(), &status) == 0 && status.st_uid == root_user;
  return roots ? give_back(path) : "";
}

bool is_inside(const fs::path& folder, const fs::path& path) {
  if (!path.is_absolute() || !path.has_filename() || path.filename() == "." || path.filename() == "..") return false;
  std::error_code error;
  const fs::path top = fs::weakly_canonical(folder, error);
  if (error) return false;
  const fs::path parent = fs::weakly_canonical(path.parent_path(), error);
  if (error) return false;
  const fs::path below = (parent / path.filename()).lexically_relative(top);
  return !below.empty() && below != "." && *below.begin() != "..";
}

}  // namespace raibid
