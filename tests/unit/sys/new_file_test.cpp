// Files that have their name only when they are whole.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/new_file.hpp"
#include "sys/sha256.hpp"

namespace raibid::new_file_test {

namespace {

struct Folder {
  TemporaryDirectory directory{fs::temp_directory_path()};
  fs::path operator/(const std::string& name) const { return directory.path() / name; }
  bool empty() const { return fs::is_empty(directory.path()); }
};

void settle(const Folder& folder) {
  settle_parts(
      folder.directory.path(), [](const std::string& name) { return name.starts_with("ours"); },
      [](const fs::path& path) { return path.extension() == ".json"; });
}

}  // namespace

TEST_CASE("new file: private, and not there until it is whole") {
  const Folder folder;
  {
    NewFile file(folder / "a");
    file.write("abc");
    CHECK_FALSE(fs::exists(folder / "a"));
    struct stat found {};
    REQUIRE(::stat((folder / "a.part").c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
  }
  CHECK(folder.empty());
  NewFile file(folder / "a");
  file.write("abc");
  file.write("def");
  file.keep();
  CHECK(read_file(folder / "a") == "abcdef");
  CHECK_FALSE(fs::exists(folder / "a.part"));
}

TEST_CASE("new file: nothing is overwritten, also not what came meanwhile") {
  const Folder folder;
  write_atomic(folder / "a", "someone's");
  CHECK(test::error_of([&] { NewFile(folder / "a"); }).code() == ExitCode::preflight);
  {
    NewFile file(folder / "b");
    file.write("ours");
    write_atomic(folder / "b", "someone's");
    CHECK(test::error_of([&] { file.keep(); }).code() == ExitCode::failure);
  }
  CHECK(read_file(folder / "a") == "someone's");
  CHECK(read_file(folder / "b") == "someone's");
  CHECK_FALSE(fs::exists(folder / "b.part"));
}

TEST_CASE("new file: what a killed run left is replaced, what another run writes is not") {
  const Folder folder;
  write_atomic(folder / "a.part", "half");
  {
    NewFile file(folder / "a");
    file.write("whole");
    CHECK(test::error_of([&] { NewFile(folder / "a"); }).code() == ExitCode::preflight);
    file.keep();
  }
  CHECK(read_file(folder / "a") == "whole");
}

TEST_CASE("new file: of the parts of killed runs ours are settled, and no others") {
  const Folder folder;
  write_atomic(folder / "ours.rdb.part", "half");
  write_atomic(folder / "ours.json.part", "{}");
  write_atomic(folder / "theirs.rdb.part", "half");
  NewFile busy(folder / "ours2.rdb");
  settle(folder);
  CHECK_FALSE(fs::exists(folder / "ours.rdb.part"));
  CHECK(read_file(folder / "ours.json") == "{}");
  CHECK_FALSE(fs::exists(folder / "ours.json.part"));
  CHECK(fs::exists(folder / "theirs.rdb.part"));
  CHECK(fs::exists(folder / "ours2.rdb.part"));
}

TEST_CASE("SHA-256 in pieces is that of the whole") {
  Sha256 hash;
  hash.add("ab");
  hash.add("c");
  CHECK(hash.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace raibid::new_file_test
