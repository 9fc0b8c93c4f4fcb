#include "plan/journal.hpp"
#include "base/error.hpp"
#include "sys/files.hpp"
#include "sys/process_table.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace raibid::journal_test {

namespace {

const JournalHeader header{.operation = "setup redis",
                           .subject = "k3s-dev/raibid-redis",
                           .pid = 4711,
                           .host = "box",
                           .started = "2026-01-31T09:08:07Z"};

Undo undo(const std::string& name) {
  return {.action = "delete", .arguments = {{"name", name}}, .command = "kubectl delete " + name};
}

std::vector<std::string> commands(const Journal& journal) {
  std::vector<std::string> list;
  for (const Undo& entry : journal.pending()) list.push_back(entry.command);
  return list;
}

std::optional<Error> error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

struct Fixture {
  TemporaryDirectory parent{fs::temp_directory_path()};
  fs::path folder = parent.path() / "journal";

  Journal open() const { return Journal::open(ChangeGuard(false), folder, "k", header); }
  fs::path file() const { return folder / "k.journal"; }
  std::string content() const { return read_file(file()).value(); }
  void put(const std::string& text) const { std::ofstream(file(), std::ios::trunc) << text; }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
    return names;
  }
};

/// A process that sleeps until it is killed.
class Sleeper {
 public:
  Sleeper() : m_pid(::fork()) {
    if (m_pid == 0) {
      ::setpgid(0, 0);
      ::execlp("sleep", "sleep", "60", nullptr);
      ::_exit(1);
    }
    ::setpgid(m_pid, m_pid);
  }
  ~Sleeper() { reap(); }
  int pid() const { return m_pid; }
  int reap() {
    int status = 0;
    if (m_pid > 0) {
      ::kill(m_pid, SIGKILL);
      ::waitpid(m_pid, &status, 0);
    }
    m_pid = -1;
    return status;
  }

 private:
  pid_t m_pid;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a new journal is empty, and goes when it is closed") {
  Journal journal = open();
  CHECK_FALSE(journal.interrupted().has_value());
  CHECK(journal.pending().empty());
  CHECK(files() == std::vector<std::string>{"k.journal"});
  journal.record(undo("a"));
  journal.close();
  CHECK(files().empty());
}

TEST_CASE_FIXTURE(Fixture, "what a killed run recorded is there for the next one") {
  {
    Journal journal = open();
    journal.record(undo("a"));
    journal.record(undo("b"));
    journal.record(undo("c"));
    journal.undone(1);
    CHECK(commands(journal) == std::vector<std::string>{"kubectl delete a", "kubectl delete c"});
  }
  Journal journal = open();
  REQUIRE(journal.interrupted().has_value());
  CHECK(journal.interrupted()->operation == "setup redis");
  CHECK(journal.interrupted()->subject == "k3s-dev/raibid-redis");
  CHECK(journal.interrupted()->pid == 4711);
  CHECK(journal.interrupted()->host == "box");
  CHECK(journal.interrupted()->started == "2026-01-31T09:08:07Z");
  CHECK(commands(journal) == std::vector<std::string>{"kubectl delete a", "kubectl delete c"});
}

TEST_CASE_FIXTURE(Fixture, "an undo is in the file before record returns") {
  Journal journal = open();
  journal.record(undo("a"));
  CHECK(content().find("kubectl delete a") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "undos keep any UTF-8, and more than that does not stop them from being recorded") {
  const std::string strange = std::string("Grüße \"quoted\" \\ \n\r\t\x01\x7f 漢字 😀 \xe2\x80\xa8") + '\0' + "end";
  {
    Journal journal = open();
    journal.record({.action = strange, .arguments = {{strange, strange}, {"", ""}}, .command = strange});
    journal.record({.action = "bad\xff", .arguments = {}, .command = {}});
  }
  Journal journal = open();
  REQUIRE(journal.pending().size() == 2);
  CHECK(journal.pending()[0].action == strange);
  CHECK(journal.pending()[0].arguments == std::map<std::string, std::string>{{strange, strange}, {"", ""}});
  CHECK(journal.pending()[0].command == strange);
  CHECK(journal.pending()[1].action == "bad\xef\xbf\xbd");
}

TEST_CASE_FIXTURE(Fixture, "restart forgets what was before, also for those who come later") {
  {
    Journal journal = open();
    journal.record(undo("a"));
  }
  {
    Journal journal = open();
    JournalHeader again = header;
    again.operation = "teardown redis";
    journal.restart(again);
    CHECK_FALSE(journal.interrupted().has_value());
    CHECK(journal.pending().empty());
    journal.record(undo("b"));
  }
  Journal journal = open();
  CHECK(journal.interrupted()->operation == "teardown redis");
  CHECK(commands(journal) == std::vector<std::string>{"kubectl delete b"});
}

TEST_CASE_FIXTURE(Fixture, "a second run for the same key is refused and told who is at work") {
  const Journal journal = open();
  const std::optional<Error> error = error_of([&] { open(); });
  REQUIRE(error);
  CHECK(error->code() == ExitCode::preflight);
  CHECK(error->message() ==
        "\"setup redis\" (process 4711 on box, since 2026-01-31T09:08:07Z) is at work on k3s-dev/raibid-redis");
  CHECK_NOTHROW(Journal::open(ChangeGuard(false), folder, "another", header));
}

TEST_CASE_FIXTURE(Fixture, "keys that differ have files that differ, inside the folder") {
  const std::vector<std::string> keys{"",
                                      ".",
                                      "..",
                                      "../x",
                                      "a/b",
                                      "a_b",
                                      "a b",
                                      "a\nb",
                                      std::string("a\0b", 3),
                                      "uid",
                                      "UID",
                                      "é",
                                      std::string(300, 'x'),
                                      std::string(299, 'x')};
  std::vector<Journal> journals;
  for (const std::string& key : keys) journals.push_back(Journal::open(ChangeGuard(false), folder, key, header));
  CHECK(files().size() == keys.size());
}

TEST_CASE_FIXTURE(Fixture, "unfinished lists what killed runs left, and not what runs now") {
  CHECK(Journal::unfinished(folder).empty());
  { const Journal killed = Journal::open(ChangeGuard(false), folder, "killed", header); }
  const Journal running = Journal::open(ChangeGuard(false), folder, "running", header);
  std::ofstream(folder / "notes.txt") << "x";
  std::ofstream(folder / "empty.journal") << "";
  const std::vector<JournalHeader> left = Journal::unfinished(folder);
  REQUIRE(left.size() == 1);
  CHECK(left[0].subject == "k3s-dev/raibid-redis");
  CHECK(fs::exists(folder / "killed.journal"));
  CHECK(fs::exists(folder / "empty.journal"));  // looking changes nothing
  std::ofstream(folder / "bad.journal") << "bad\n";
  REQUIRE(Journal::unfinished(folder).size() == 2);
  CHECK(Journal::unfinished(folder)[0].subject.find("bad.journal:1: this journal") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "what a killed run left can be looked at, and stays as it is") {
  CHECK_FALSE(Journal::left(folder, "k", header));
  CHECK_FALSE(fs::exists(folder));
  {
    Journal running = open();
    CHECK(error_of([&] { Journal::left(folder, "k", header); })->code() == ExitCode::preflight);
    running.record({"a.remove", {{"name", "x"}}, "rm x"});
    running.record({"a.remove", {{"name", "y"}}, "rm y"});
    running.undone(0);
  }
  const std::string before = content();
  const auto changed = fs::last_write_time(file());
  const std::optional<Journal::Left> left = Journal::left(folder, "k", header);
  REQUIRE(left);
  CHECK(left->header.pid == header.pid);
  REQUIRE(left->pending.size() == 1);
  CHECK(left->pending[0].command == "rm y");
  CHECK(Journal::left(folder, "k", header));  // it has let go of the lock
  CHECK(content() == before);
  CHECK(fs::last_write_time(file()) == changed);
  put("bad\n");
  CHECK(error_of([&] { Journal::left(folder, "k", header); })->code() == ExitCode::preflight);
}

TEST_CASE_FIXTURE(Fixture, "cut off anywhere, a journal says what was whole, and can be written on") {
  {
    Journal journal = open();
    journal.record(undo("a"));
    journal.record(undo("b"));
  }
  const std::string whole = content();
  const std::size_t first = whole.find('\n') + 1, second = whole.find('\n', first) + 1;
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    CAPTURE(length);
    put(whole.substr(0, length));
    std::vector<std::string> expected;
    if (length >= second) expected.push_back("kubectl delete a");
    if (length == whole.size()) expected.push_back("kubectl delete b");
    {
      Journal journal = open();
      CHECK(journal.interrupted().has_value() == (length >= first));
      CHECK(commands(journal) == expected);
      journal.record(undo("z"));
    }
    expected.push_back("kubectl delete z");
    CHECK(commands(open()) == expected);
  }
}

TEST_CASE_FIXTURE(Fixture, "a damaged journal is refused with its path and line, and kept as it is") {
  { open().record(undo("a")); }
  const std::string good = content();
  for (const std::string& text : std::vector<std::string>{
           "garbage\n" + good, good + "garbage\n", good + "\n" + good, good + "[]\n", good + "{}\n", good + "1\n",
           good + "{\"undone\":7}\n", good + "{\"undone\":-1}\n", good + "{\"undo\":{\"action\":1}}\n",
           good + "{\"undo\":[]}\n", good + "{\"child\":\"x\"}\n", "{\"journal\":2}\n", "{\"undo\":{}}\n",
           std::string("\0\0\0\n", 4), good + std::string(5000, '[') + "\n",
           std::string(R"({"journal":1.5,"operation":"o","subject":"s","pid":1,"host":"h","started":"t"})") + "\n",
           std::string(R"({"journal":8e53,"operation":"o","subject":"s","pid":1,"host":"h","started":"t"})") + "\n"}) {
    CAPTURE(text);
    put(text);
    const std::optional<Error> error = error_of([&] { open(); });
    REQUIRE(error);
    CHECK(error->code() == ExitCode::preflight);
    CHECK(error->message().starts_with(file().string() + ":"));
    CHECK(error->message().find("damaged") != std::string::npos);
    CHECK(content() == text);
  }
}

TEST_CASE_FIXTURE(Fixture, "whatever bytes a journal has, it is read or refused") {
  {
    Journal journal = open();
    for (const char* name : {"a", "b", "c"}) journal.record(undo(name));
    journal.undone(0);
    journal.child(::getpid());
  }
  const std::string good = content();
  std::mt19937 generator(3);
  for (int i = 0; i < 2000; ++i) {
    std::string text = good;
    for (unsigned long changes = 1 + generator() % 3; changes > 0; --changes) {
      text[generator() % text.size()] = static_cast<char>(generator());
    }
    put(text);
    const std::optional<Error> error = error_of([&] { open().surviving_children(); });
    if (error) CHECK(error->code() == ExitCode::preflight);
  }
}

TEST_CASE_FIXTURE(Fixture, "a journal that cannot be kept is refused before anything happens") {
  std::ofstream(parent.path() / "file") << "";
  CHECK(error_of([&] { Journal::open(ChangeGuard(false), parent.path() / "file", "k", header); })->code() ==
        ExitCode::preflight);
  fs::create_directories(file());
  CHECK(error_of([&] { open(); })->code() == ExitCode::preflight);
}

TEST_CASE_FIXTURE(Fixture, "an undo that cannot be written is an error, and not pending") {
  Journal journal = open();
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{content().size() + 5, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const std::optional<Error> error = error_of([&] { journal.record(undo("a")); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  REQUIRE(error);
  CHECK(journal.pending().empty());
  journal.record(undo("b"));
  CHECK(commands(journal) == std::vector<std::string>{"kubectl delete b"});
}

TEST_CASE_FIXTURE(Fixture, "children of a killed run are known again, and ended") {
  Sleeper child, other;
  {
    Journal journal = open();
    journal.child(child.pid());
    journal.child(999999999);
    CHECK(journal.surviving_children().empty());
  }
  Journal journal = open();
  CHECK(journal.surviving_children() == std::vector<int>{child.pid()});
  journal.end_surviving_children();
  CHECK(journal.surviving_children().empty());
  CHECK(WTERMSIG(child.reap()) == SIGKILL);
  CHECK_FALSE(process_identity(other.pid()).empty());
}

TEST_CASE_FIXTURE(Fixture, "another process that has the number of a child is left alone") {
  Sleeper stranger;
  {
    Journal journal = open();
    journal.child(stranger.pid());
  }
  std::string text = content();
  const std::size_t at = text.find("\"identity\":\"") + 12;
  text[at] = text[at] == '1' ? '2' : '1';
  put(text);
  Journal journal = open();
  CHECK(journal.surviving_children().empty());
  journal.end_surviving_children();
  CHECK_FALSE(process_identity(stranger.pid()).empty());
}

TEST_CASE("only the process that is meant is killed") {
  Sleeper sleeper;
  const std::string identity = process_identity(sleeper.pid());
  CHECK(kill_process(sleeper.pid(), "1@another boot", Duration(0)));
  CHECK(kill_process(sleeper.pid(), "", Duration(0)));
  CHECK(process_identity(sleeper.pid()) == identity);
  CHECK(kill_process(sleeper.pid(), identity, std::chrono::seconds(10)));
  CHECK(process_identity(sleeper.pid()).empty());
  CHECK(kill_process(999999999, identity, Duration(0)));
}

TEST_CASE("a process is told from others by its start time, whatever its name") {
  const std::string identity = process_identity(::getpid());
  CHECK(identity.find('@') != std::string::npos);
  CHECK(identity == process_identity(::getpid()));
  CHECK(process_identity(999999999).empty());
  CHECK(process_identity(-1).empty());

  const TemporaryDirectory folder{fs::temp_directory_path()};
  const fs::path program = folder.path() / ") Z 1 (";
  fs::create_symlink("/bin/sleep", program);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl(program.c_str(), "sleep", "60", nullptr);
    ::_exit(1);
  }
  ::close(ends[1]);
  char byte = 0;
  CHECK(::read(ends[0], &byte, 1) == 0);  // the exec is done
  ::close(ends[0]);
  CHECK(read_file("/proc/" + std::to_string(pid) + "/stat")->find(") Z 1 (") != std::string::npos);
  const std::string strange = process_identity(pid);
  CHECK(strange.substr(strange.find('@')) == identity.substr(identity.find('@')));
  CHECK(std::stoull(strange) >= std::stoull(identity));
  ::kill(pid, SIGKILL);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  CHECK(process_identity(pid).empty());  // a zombie does nothing any more
  ::waitpid(pid, nullptr, 0);
}

TEST_CASE_FIXTURE(Fixture, "a journal whose file was removed or replaced is someone else's") {
  Journal mine = open();
  CHECK_FALSE(mine.taken_over());
  fs::remove(file());
  REQUIRE(mine.taken_over());
  CHECK(mine.taken_over()->message().find("k.journal is gone") != std::string::npos);

  JournalHeader other = header;
  other.operation = "teardown redis";
  other.pid = 4712;
  const Journal theirs = Journal::open(ChangeGuard(false), folder, "k", other);
  REQUIRE(mine.taken_over());
  CHECK(mine.taken_over()->code() == ExitCode::preflight);
  CHECK(mine.taken_over()->message() ==
        "\"teardown redis\" (process 4712 on box, since 2026-01-31T09:08:07Z) is at work on k3s-dev/raibid-redis");
  mine.close();
  CHECK(fs::exists(file()));
  CHECK_FALSE(theirs.taken_over());
}
}  // namespace raibid::journal_test
