#include "sys/files.hpp"
#include "base/error.hpp"
#include "sys/locked_log.hpp"
#include "sys/reader_gone.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

using namespace raibid;

namespace {

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  return names;
}

ExitCode code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  return ExitCode::ok;
}

struct Fixture {
  TemporaryDirectory folder{fs::temp_directory_path()};
  fs::path path(const std::string& name) const { return folder.path() / name; }
  void put(const std::string& name, const std::string& content) const { std::ofstream(path(name)) << content; }
};

/// Files that grow past `bytes` fail with EFBIG: as near to a full disk as a test can come.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    m_handler = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &m_before);
    const rlimit limit{bytes, m_before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &m_before);
    ::signal(SIGXFSZ, m_handler);
  }

 private:
  rlimit m_before{};
  void (*m_handler)(int);
};

/// Runs `act` as a user without rights, because root may do everything.
ExitCode code_as_nobody(const std::function<void()>& act) {
  constexpr uid_t nobody = 65534;
  const bool root = ::geteuid() == 0;
  if (root) REQUIRE(::seteuid(nobody) == 0);
  const ExitCode code = code_of(act);
  if (root) REQUIRE(::seteuid(0) == 0);
  return code;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "read_file reads whole files up to its limit") {
  put("x", "content");
  CHECK(read_file(path("x")).value() == "content");
  CHECK(read_file(path("x"), 7).value() == "content");
  CHECK(code_of([&] { read_file(path("x"), 6); }) == ExitCode::usage);
  CHECK_FALSE(read_file(path("none")).has_value());
  CHECK(read_file(path("x"), std::string::npos).value() == "content");
  CHECK(read_file("/proc/self/stat").value().size() > 0);
}

TEST_CASE_FIXTURE(Fixture, "read_file refuses what is not a file, and says which") {
  CHECK(code_of([&] { read_file(folder.path()); }) == ExitCode::usage);
  CHECK(code_of([&] { read_file("/dev/zero"); }) == ExitCode::usage);
  put("x", "");
  CHECK_FALSE(read_file(path("x") / "below").has_value());
}

TEST_CASE("read_file reads a FIFO to its end and does not wait for one that nobody writes") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::write(ends[1], "secret", 6) == 6);
  ::close(ends[1]);
  CHECK(read_file("/dev/fd/" + std::to_string(ends[0])).value() == "secret");
  ::close(ends[0]);
  const Fixture fixture;
  REQUIRE(::mkfifo(fixture.path("fifo").c_str(), 0600) == 0);
  CHECK(read_file(fixture.path("fifo")).value().empty());
}

TEST_CASE("read_file waits for a silent FIFO no longer than it is told") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);  // the writer is there, and says nothing
  const auto started = std::chrono::steady_clock::now();
  CHECK(code_of([&] {
          read_file("/dev/fd/" + std::to_string(ends[0]), 100, started + std::chrono::milliseconds(50));
        }) == ExitCode::failure);
  CHECK(std::chrono::steady_clock::now() - started >= std::chrono::milliseconds(50));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE_FIXTURE(Fixture, "a file of our own that is a FIFO or a device is refused before it is read") {
  REQUIRE(::mkfifo(path("fifo").c_str(), 0600) == 0);
  const int writer = ::open(path("fifo").c_str(), O_RDWR | O_CLOEXEC);  // it would say nothing for ever
  REQUIRE(writer >= 0);
  CHECK(code_of([&] { read_own_file(path("fifo")); }) == ExitCode::preflight);
  ::close(writer);
}

TEST_CASE("a pipe tells when its reader has gone") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK_FALSE(reader_gone(ends[1]));
  ::close(ends[0]);
  CHECK(reader_gone(ends[1]));
  ::close(ends[1]);
}

TEST_CASE_FIXTURE(Fixture, "write_atomic makes and replaces, with the mode that was asked for") {
  const mode_t before = ::umask(0);
  write_atomic(path("x"), "one");
  CHECK(mode_of(path("x")) == 0600);
  write_atomic(path("x"), "two", 0644);
  ::umask(before);
  CHECK(read_file(path("x")).value() == "two");
  CHECK(mode_of(path("x")) == 0644);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"x"});
  write_atomic(path(std::string(255, 'n')), "long name");
  CHECK(read_file(path(std::string(255, 'n'))).value() == "long name");
}

TEST_CASE_FIXTURE(Fixture, "write_atomic leaves readers of the old file theirs") {
  write_atomic(path("x"), "old");
  std::ifstream reader(path("x"));
  write_atomic(path("x"), "new content");
  std::string seen;
  std::getline(reader, seen);
  CHECK(seen == "old");
}

TEST_CASE_FIXTURE(Fixture, "write_atomic follows a symbolic link, also a dangling one") {
  fs::create_directory(path("elsewhere"));
  fs::create_symlink("elsewhere/real", path("link"));
  write_atomic(path("link"), "one");
  write_atomic(path("link"), "two");
  CHECK(fs::is_symlink(path("link")));
  CHECK(read_file(path("elsewhere/real")).value() == "two");
  CHECK(names_in(path("elsewhere")) == std::vector<std::string>{"real"});
  fs::create_symlink("loop", path("loop"));
  CHECK(code_of([&] { write_atomic(path("loop"), "x"); }) == ExitCode::failure);
}

TEST_CASE_FIXTURE(Fixture, "a failed write_atomic leaves the old content and no temporary file") {
  write_atomic(path("x"), "old");
  const std::string big(100000, 'b');
  {
    const FileSizeLimit limit(4096);
    CHECK(code_of([&] { write_atomic(path("x"), big); }) == ExitCode::failure);
  }
  CHECK(read_file(path("x")).value() == "old");
  fs::create_directory(path("folder"));
  CHECK(code_of([&] { write_atomic(path("folder"), "x"); }) == ExitCode::failure);
  CHECK(names_in(folder.path()).size() == 2);
  CHECK(code_of([&] { write_atomic(path("no/such/x"), "x"); }) == ExitCode::failure);
}

TEST_CASE_FIXTURE(Fixture, "make_private_directory") {
  make_private_directory(path("a/b/c"));
  CHECK(mode_of(path("a/b/c")) == 0700);
  make_private_directory(path("d/"));
  CHECK(mode_of(path("d")) == 0700);
  fs::permissions(path("d"), fs::perms(0755));
  make_private_directory(path("d"));
  CHECK(mode_of(path("d")) == 0755);
  fs::create_symlink("d", path("link"));
  make_private_directory(path("link"));
  put("file", "");
  CHECK(code_of([&] { make_private_directory(path("file")); }) == ExitCode::preflight);
  CHECK(code_of([&] { make_private_directory(path("file/below")); }) == ExitCode::preflight);
  CHECK(code_of([&] { make_private_directory(path("file/below/that")); }) == ExitCode::preflight);
}

TEST_CASE_FIXTURE(Fixture, "a directory that we cannot write in is refused") {
  fs::create_directory(path("theirs"));
  fs::permissions(path("theirs"), fs::perms(0555));
  fs::permissions(folder.path(), fs::perms(0755));
  CHECK(code_as_nobody([&] { make_private_directory(path("theirs")); }) == ExitCode::preflight);
  CHECK(code_as_nobody([&] { make_private_directory(path("theirs/new")); }) == ExitCode::preflight);
}

TEST_CASE_FIXTURE(Fixture, "remove_tree removes links and not what they point to") {
  make_private_directory(path("tree/below"));
  put("kept", "");
  fs::create_symlink("../../kept", path("tree/below/link"));
  remove_tree(path("tree"));
  remove_tree(path("tree"));
  CHECK_FALSE(fs::exists(path("tree")));
  CHECK(fs::exists(path("kept")));
}

TEST_CASE_FIXTURE(Fixture, "a link is made once, and is replaced only while it is one") {
  const Files files{ChangeGuard(false)};
  put("backup", "content");
  files.make_link(path("backup"), path("link"));
  CHECK(read_file(path("link")) == "content");
  CHECK_THROWS_AS(files.make_link(path("backup"), path("link")), Error);
  put("copy", "copied");
  CHECK(files.replace_link(path("copy"), path("link")));
  CHECK(!fs::is_symlink(path("link")));
  CHECK(read_file(path("link")) == "copied");
  CHECK(read_file(path("backup")) == "content");
  put("copy", "again");
  CHECK(!files.replace_link(path("copy"), path("link")));
  CHECK(!files.replace_link(path("copy"), path("nothing")));
  CHECK(read_file(path("link")) == "copied");
  CHECK(fs::exists(path("copy")));
}

TEST_CASE_FIXTURE(Fixture, "the stamp of a file changes when it is written or replaced") {
  put("file", "one");
  const FileStamp before = file_stamp(path("file"));
  CHECK(file_stamp(path("file")) == before);
  write_atomic(path("file"), "two");
  CHECK(file_stamp(path("file")) != before);
  const FileStamp replaced = file_stamp(path("file"));
  put("file", "three");
  CHECK(file_stamp(path("file")) != replaced);
  CHECK_THROWS_AS(file_stamp(path("nothing")), Error);
}

TEST_CASE("a temporary directory is private and goes with the object") {
  fs::path path;
  {
    const TemporaryDirectory folder{fs::temp_directory_path()};
    path = folder.path();
    CHECK(mode_of(path) == 0700);
    std::ofstream(path / "x") << "x";
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE_FIXTURE(Fixture, "a locked log has one owner at a time") {
  std::optional<LockedLog> log = LockedLog::open(path("log"));
  REQUIRE(log);
  CHECK(mode_of(path("log")) == 0600);
  CHECK_FALSE(LockedLog::open(path("log")).has_value());
  log->append("one");
  log.reset();
  log.emplace(LockedLog::open(path("log")).value());
  log->append("two");
  CHECK(log->content() == "one\ntwo\n");
  log->remove();
  CHECK_FALSE(fs::exists(path("log")));
  CHECK(LockedLog::open(path("log")).value().content().empty());
}

TEST_CASE_FIXTURE(Fixture, "the lock of another process counts and goes with it, and its children do not inherit it") {
  std::array<int, 2> to_heir{}, from_heir{};
  REQUIRE(::pipe2(to_heir.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(from_heir.data(), O_CLOEXEC) == 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    const std::optional<LockedLog> log = LockedLog::open(path("log"));
    if (!log) ::_exit(1);
    if (::fork() == 0) {
      ::dup2(to_heir[0], 0);
      ::dup2(from_heir[1], 1);
      ::execlp("cat", "cat", nullptr);
      ::_exit(1);
    }
    ::pause();
    ::_exit(0);
  }
  // an echo says that the lock is held and that the heir is past its exec
  char echo = 0;
  REQUIRE(::write(to_heir[1], "x", 1) == 1);
  REQUIRE(::read(from_heir[0], &echo, 1) == 1);
  CHECK_FALSE(LockedLog::open(path("log")).has_value());
  ::kill(owner, SIGKILL);
  ::waitpid(owner, nullptr, 0);
  CHECK(LockedLog::open(path("log")).has_value());
  for (const int fd : {to_heir[0], to_heir[1], from_heir[0], from_heir[1]}) ::close(fd);
}

TEST_CASE_FIXTURE(Fixture, "a half line is dropped by the next append") {
  put("log", "one\ntw");
  LockedLog log = LockedLog::open(path("log")).value();
  CHECK(log.content() == "one\ntw");
  log.append("two");
  CHECK(log.content() == "one\ntwo\n");
}

TEST_CASE_FIXTURE(Fixture, "an append that fails leaves the log as it was") {
  LockedLog log = LockedLog::open(path("log")).value();
  log.append("one");
  {
    const FileSizeLimit limit(4096);
    CHECK(code_of([&] { log.append(std::string(10000, 'x')); }) == ExitCode::failure);
  }
  CHECK(log.content() == "one\n");
  log.append("two", false);
  CHECK(log.content() == "one\ntwo\n");
}

TEST_CASE_FIXTURE(Fixture, "a log that is a link, a folder or a FIFO is refused") {
  put("file", "");
  fs::create_symlink("file", path("link"));
  CHECK(code_of([&] { LockedLog::open(path("link")); }) == ExitCode::failure);
  CHECK(code_of([&] { LockedLog::open(folder.path()); }) == ExitCode::failure);
  REQUIRE(::mkfifo(path("fifo").c_str(), 0600) == 0);
  CHECK(code_of([&] { LockedLog::open(path("fifo")); }) == ExitCode::failure);
}

TEST_CASE_FIXTURE(Fixture, "many processes that open and remove one log are never two at a time") {
  // each adds a byte to `inside` while it owns the log and takes it away before it goes: two owners would see each
  // other
  constexpr int processes = 4, rounds = 200;
  std::vector<pid_t> children;
  for (int i = 0; i < processes; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      int status = 0;
      for (int owned = 0; owned < rounds;) {
        std::optional<LockedLog> log = LockedLog::open(path("log"));
        if (!log) continue;
        ++owned;
        const int fd = ::open(path("inside").c_str(), O_CREAT | O_EXCL, 0600);
        if (fd < 0) status = 1;
        ::close(fd);
        if (!log->content().empty()) status = 2;
        ::unlink(path("inside").c_str());
        log->remove();
      }
      ::_exit(status);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}
