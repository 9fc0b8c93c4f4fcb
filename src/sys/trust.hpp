#pragma once

#include <filesystem>
#include <string>

namespace raibid {

/// Whoever can write to our home decides what we delete and where a password goes. These checks follow ssh
/// (safe_path in OpenSSH's misc.c) and throw Error (preflight) with the command that puts it right.

/// `path` and each folder above it belongs to us or to root, and nobody else can write to it. A folder above it may be
/// open to all when it is sticky, as /tmp is: others can make files there, but not rename ours. A symbolic link on the
/// way is followed when it belongs to us or to root and where it leads passes the same check. What is not there yet
/// passes: whoever makes it makes it in a folder that has passed.
void check_trusted_folder(const std::filesystem::path& path);

/// The same of one open file.
void check_own_file(int fd, const std::filesystem::path& path);

/// The home, and the folders in it that we write to: trusted, and nothing in them that a run with sudo has left to root
/// and that we cannot use.
void check_home(const std::filesystem::path& home);

/// "sudo chown -R UID:GID PATH" for what is root's in a folder of ours, as after a run with sudo, else "".
std::string chown_hint(const std::filesystem::path& path);

/// Whether `path` is something inside `folder`, once all symbolic links above it are followed. `folder` itself is not.
bool is_inside(const std::filesystem::path& folder, const std::filesystem::path& path);

}  // namespace raibid
