#include "sys/trust.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/locked_log.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

constexpr uid_t nobody = 65534;
const bool not_root = ::geteuid() != 0;

struct Folder {
  TemporaryDirectory folder{fs::temp_directory_path()};

  Folder() {
    make_private_directory(path("home/journal"));
    make_private_directory(path("home"));
  }
  fs::path path(const std::string& name) const { return folder.path() / name; }
  void mode(const std::string& name, unsigned mode) const { fs::permissions(path(name), fs::perms(mode)); }
  void give_away(const std::string& name) const { REQUIRE(::lchown(path(name).c_str(), nobody, nobody) == 0); }
  std::string refusal(const std::string& name) const {
    const Error error = error_of([&] { check_trusted_folder(path(name)); });
    CHECK(error.code() == ExitCode::preflight);
    CHECK_FALSE(error.hint().empty());
    return error.message();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Folder, "trust: a folder of ours below a sticky one, whatever others may read") {
  check_trusted_folder(path("home"));
  mode("home", 0755);
  check_trusted_folder(path("home"));
  check_trusted_folder(path("not/there/yet"));
  mode("", 01777);
  check_trusted_folder(path("home"));
}

TEST_CASE_FIXTURE(Folder, "trust: not where others can write, or could put another folder in its place") {
  for (const unsigned open : {0777U, 0770U, 0702U, 01777U}) {
    mode("home", open);
    CHECK(has(refusal("home"), path("home").string() + " can be written by other users"));
  }
  mode("home", 0700);
  mode("", 0777);
  CHECK(has(refusal("home"), folder.path().string() + " can be written"));
  CHECK(has(refusal("not/there/yet"), folder.path().string() + " can be written"));
}

TEST_CASE_FIXTURE(Folder, "trust: not another user's" * doctest::skip(not_root)) {
  give_away("home");
  CHECK(has(refusal("home"), path("home").string() + " belongs to user nobody (65534)"));
  CHECK(has(refusal("home/journal"), path("home").string() + " belongs to user nobody (65534)"));
}

TEST_CASE_FIXTURE(Folder, "trust: a link counts as what it leads to, and as whose it is") {
  fs::create_directory_symlink("home", path("link"));
  check_trusted_folder(path("link"));
  check_trusted_folder(path("link/journal"));
  fs::create_directory_symlink("home/journal/../../link/.", path("long"));
  check_trusted_folder(path("long"));
  fs::create_directory_symlink("loop", path("loop"));
  check_trusted_folder(path("loop"));  // nobody can use it
  mode("home", 0777);
  CHECK(has(refusal("link"), path("home").string() + " can be written"));
  CHECK(has(refusal("long"), path("home").string() + " can be written"));
  mode("home", 01777);
  CHECK(has(refusal("long"), path("home").string() + " can be written"));
}

TEST_CASE_FIXTURE(Folder,
                  "trust: another user's link in a folder like /tmp is not followed" * doctest::skip(not_root)) {
  mode("", 01777);
  fs::create_directory_symlink("home", path("link"));
  give_away("link");
  CHECK(has(refusal("link"), path("link").string() + " belongs to user nobody"));
}

TEST_CASE_FIXTURE(Folder, "trust: files that we keep for ourselves") {
  const fs::path file = path("home/file");
  write_own_file(file, "secret");
  CHECK(read_own_file(file) == "secret");
  CHECK_FALSE(read_own_file(path("home/none")).has_value());
  mode("home/file", 0644);
  CHECK(read_own_file(file) == "secret");
  for (const unsigned open : {0620U, 0602U}) {
    mode("home/file", open);
    CHECK(error_of([&] { read_own_file(file); }).code() == ExitCode::preflight);
    CHECK(error_of([&] { LockedLog::open(file); }).code() == ExitCode::preflight);
  }
  mode("home/file", 0600);
  fs::create_symlink("file", path("home/link"));
  CHECK(has(error_of([&] { read_own_file(path("home/link")); }).message(), "is a symbolic link"));
  CHECK(has(error_of([&] { write_own_file(path("home/link"), "x"); }).message(), "is a symbolic link"));
  CHECK(read_file(file) == "secret");
  if (not_root) return;
  give_away("home/file");
  CHECK(has(error_of([&] { read_own_file(file); }).message(), "belongs to user nobody"));
  CHECK(has(error_of([&] { LockedLog::open(file); }).message(), "belongs to user nobody"));
}

TEST_CASE_FIXTURE(Folder, "trust: a home in all its folders") {
  check_home(path("home"));
  check_home(path("none"));
  make_private_directory(path("home/local/redis"));
  check_home(path("home"));
  for (const char* name : {"home/journal", "home/local", "home/local/redis"}) {
    mode(name, 0777);
    CHECK(has(error_of([&] { check_home(path("home")); }).message(), path(name).string() + " can be written"));
    mode(name, 0700);
  }
}

TEST_CASE_FIXTURE(Folder, "trust: what is inside a folder once links are followed") {
  fs::create_directory_symlink(folder.path(), path("home/out"));
  fs::create_directory_symlink("home", path("link"));
  const fs::path home = path("home");
  CHECK(is_inside(home, path("home/file")));
  CHECK(is_inside(home, path("home/not/there")));
  CHECK(is_inside(home, path("home/journal/../file")));
  CHECK(is_inside(home, path("link/file")));
  CHECK(is_inside(path("link"), path("home/file")));
  CHECK(is_inside(home, path("home/out")));  // the link itself
  CHECK_FALSE(is_inside(home, home));
  CHECK_FALSE(is_inside(home, path("home/")));
  CHECK_FALSE(is_inside(home, path("home/.")));
  CHECK_FALSE(is_inside(home, path("home/..")));
  CHECK_FALSE(is_inside(home, path("home/journal/..")));
  CHECK_FALSE(is_inside(home, path("home/../file")));
  CHECK_FALSE(is_inside(home, path("home/out/file")));
  CHECK_FALSE(is_inside(home, path("homes/file")));
  CHECK_FALSE(is_inside(home, path("file")));
  CHECK_FALSE(is_inside(home, "/"));
  CHECK_FALSE(is_inside(home, "file"));
  CHECK_FALSE(is_inside(home, ""));
}
