#include "sys/system_runner.hpp"
#include "base/error.hpp"
#include "sys/clock.hpp"
#include "sys/early_child.hpp"
#include "sys/process.hpp"
#include "sys/signals.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace raibid::system_runner_test {

using namespace std::chrono_literals;

namespace {

Command sh(const std::string& script, std::string input = {}) {
  return {.argv = {"/bin/sh", "-c", script}, .input = std::move(input), .environment = {}};
}

struct Fixture {
  Signals signals;
  SystemClock clock;
  SystemRunner runner{clock, signals};

  TimePoint in(Duration time) const { return clock.now() + time; }
  Output go(const Command& command) { return run(runner, command, in(30s)); }

  /// Waits until the child has said a line, and takes it.
  std::string line_of(Process& process) {
    const std::array<Process*, 1> all{&process};
    while (process.out().find('\n') == std::string::npos) REQUIRE(runner.wait(all, in(30s)));
    const std::string line = process.out().substr(0, process.out().find('\n'));
    process.out().erase(0, line.size() + 1);
    return line;
  }
};

Error error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  return Error(ExitCode::ok, "nothing was thrown");
}

int signal_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Interrupted& stop) {
    return stop.signal();
  }
  return 0;
}

/// True when the process goes within ten seconds; it need not be ours.
bool goes(int pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return errno == ESRCH;
  pollfd entry{fd, POLLIN, 0};
  const bool gone = ::poll(&entry, 1, 10000) == 1;
  ::close(fd);
  return gone;
}

bool runs(int pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_CASE_FIXTURE(Fixture, "output, errors and exit code come back apart") {
  const Output output = go(sh("echo out; echo err >&2; exit 3"));
  CHECK(output.out == "out\n");
  CHECK(output.err == "err\n");
  CHECK(output.status == 3);
  CHECK_FALSE(output.timed_out);
  CHECK_FALSE(output.ok());
  CHECK(go(sh("exit 0")).ok());
}

TEST_CASE_FIXTURE(Fixture, "a child that dies by a signal has the shell's status") {
  CHECK(go(sh("kill -SEGV $$")).status == 128 + SIGSEGV);
}

TEST_CASE_FIXTURE(Fixture, "arguments reach the child as they are") {
  CHECK(go({.argv = {"printf", "%s|", "a b", "", "$(x)", "ü\n"}, .input = {}, .environment = {}}).out ==
        "a b||$(x)|ü\n|");
}

TEST_CASE_FIXTURE(Fixture, "a program that is not there or cannot be run is an error before anything happens") {
  const Error missing =
      error_of([&] { runner.start({.argv = {"raibid-no-such-program"}, .input = {}, .environment = {}}); });
  CHECK(missing.code() == ExitCode::preflight);
  CHECK(missing.message() == "raibid-no-such-program: not found in PATH");
  CHECK(missing.hint().find("PATH") != std::string::npos);
  const Error path = error_of([&] { runner.start({.argv = {"/no/such/helm"}, .input = {}, .environment = {}}); });
  CHECK(path.code() == ExitCode::preflight);
  CHECK(path.message() == "/no/such/helm: cannot be started: No such file or directory");
  const Error folder = error_of([&] { runner.start({.argv = {"/tmp"}, .input = {}, .environment = {}}); });
  CHECK(folder.message() == "/tmp: cannot be started: Permission denied");
  CHECK(error_of([&] { runner.start({}); }).code() == ExitCode::preflight);
}

TEST_CASE_FIXTURE(Fixture, "ten megabytes go through standard input and back") {
  std::string input(10 << 20, '\0');
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i * 31 >> 3);
  const Output output = go({.argv = {"cat"}, .input = input, .environment = {}});
  CHECK(output.ok());
  CHECK((output.out == input));
}

TEST_CASE_FIXTURE(Fixture, "a child that closes its standard input early is fine") {
  const Output output = go(sh("exec <&-; echo done", std::string(1 << 20, 'x')));
  CHECK(output.ok());
  CHECK(output.out == "done\n");
  CHECK(go(sh("exit 5", std::string(1 << 20, 'x'))).status == 5);
}

TEST_CASE_FIXTURE(Fixture, "without input standard input is empty") { CHECK(go(sh("cat; echo end")).out == "end\n"); }

TEST_CASE_FIXTURE(Fixture, "a child that starts early waits for its input, whole") {
  Command command = sh("echo started; cat; echo end");
  command.input = "one\n";
  EarlyChild early(runner, command);
  CHECK(early.command().input.empty());
  const std::unique_ptr<Process> child = early.act();
  const Output output = finish(runner, *child, in(30s));
  CHECK(output.ok());
  CHECK(output.out == "started\none\nend\n");
}

TEST_CASE_FIXTURE(Fixture, "a child that starts early and ends before its turn keeps its answer") {
  Command command = sh("echo no >&2; exit 4");
  command.input = "never read\n";
  EarlyChild early(runner, command);
  const std::unique_ptr<Process> child = early.act();
  const Output output = finish(runner, *child, in(30s));
  CHECK(output.status == 4);
  CHECK(output.err == "no\n");
}

TEST_CASE_FIXTURE(Fixture, "a child that starts early and is not needed is ended") {
  int pid = 0;
  runner.observe([&](int started, const Command&) { pid = started; });
  { const EarlyChild early(runner, sh("cat")); }
  runner.observe({});
  REQUIRE(pid > 0);
  CHECK(goes(pid));
}

TEST_CASE_FIXTURE(Fixture, "a child that floods both pipes does not get stuck") {
  const Output output = go(sh("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero"));
  CHECK(output.ok());
  CHECK(output.out.size() == 6000000);
  CHECK(output.err.size() == 3000000);
}

TEST_CASE_FIXTURE(Fixture, "more than 64 MiB that nobody reads are an error") {
  for (const char* script : {"exec cat /dev/zero", "exec cat /dev/zero >&2"}) {
    const Error error = error_of([&] { go(sh(script)); });
    CHECK(error.code() == ExitCode::failure);
    CHECK(error.message().find("more than 64 MiB on its standard") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(Fixture, "output that is taken away as it comes may have any length") {
  const auto child = runner.start(sh("head -c 100000000 /dev/zero"));
  const std::array<Process*, 1> all{child.get()};
  std::size_t total = 0;
  while (!child->finished()) {
    REQUIRE(runner.wait(all, in(30s)));
    total += child->out().size();
    child->out().clear();
  }
  CHECK(total == 100000000);
}

TEST_CASE_FIXTURE(Fixture, "a child that hangs is ended at the deadline") {
  const TimePoint start = clock.now();
  const Output output = run(runner, sh("echo here; exec sleep 60"), in(200ms));
  CHECK(output.timed_out);
  CHECK(output.status == 128 + SIGTERM);
  CHECK(output.out == "here\n");
  CHECK(clock.now() - start >= 200ms);
  CHECK(clock.now() - start < 20s);
}

TEST_CASE_FIXTURE(Fixture, "a child that ignores TERM is killed with its whole group after two seconds") {
  const auto child = runner.start(sh("trap '' TERM; sleep 60 & echo $!; while :; do sleep 60; done"));
  const int grandchild = std::stoi(line_of(*child));
  const TimePoint start = clock.now();
  child->end();
  CHECK(clock.now() - start >= 1900ms);
  CHECK(clock.now() - start < 20s);
  CHECK(child->finished());
  CHECK(child->status() == 128 + SIGKILL);
  CHECK(goes(grandchild));
  child->end();
}

TEST_CASE_FIXTURE(Fixture, "a child that has much to say when it is ended can say it") {
  const auto child =
      runner.start(sh("trap 'head -c 5000000 /dev/zero; exit 7' TERM; echo up; while :; do sleep 0.01; done"));
  CHECK(line_of(*child) == "up");
  child->end();
  CHECK(child->status() == 7);
}

TEST_CASE_FIXTURE(Fixture, "a stopped child is ended as well") {
  int pid = 0;
  runner.observe([&](int started, const Command&) { pid = started; });
  const auto child = runner.start(sh("trap 'exit 9' TERM; kill -STOP $$; exit 1"));
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOWAIT) == 0);
  child->end();
  CHECK(child->status() == 9);
}

TEST_CASE_FIXTURE(Fixture, "what a child said last is read to its end, however much the pipe held") {
  int pid = 0;
  runner.observe([&](int started, const Command&) {
    pid = started;
    for (int fd = 0; fd < 1024; ++fd) ::fcntl(fd, F_SETPIPE_SZ, 1 << 20);
  });
  const auto child = runner.start(sh("exec head -c 700000 /dev/zero"));
  REQUIRE(goes(pid));
  const std::array<Process*, 1> all{child.get()};
  CHECK(runner.wait(all, in(30s)));
  CHECK(child->finished());
  CHECK(child->out().size() == 700000);
}

TEST_CASE_FIXTURE(Fixture, "dropping the object ends child and grandchild") {
  auto child = runner.start(sh("sleep 60 & echo $! $$; wait"));
  const std::string pids = line_of(*child);
  const int grandchild = std::stoi(pids);
  const int pid = std::stoi(pids.substr(pids.find(' ')));
  CHECK(runs(grandchild));
  child.reset();
  CHECK_FALSE(runs(pid));
  CHECK(goes(grandchild));
}

TEST_CASE_FIXTURE(Fixture, "a grandchild that lives on with our pipes does not hold us up, and is left alone") {
  const TimePoint start = clock.now();
  const Output output = go(sh("(while :; do echo more; done) 2>/dev/null & sleep 60 & echo pid $!; exit 4"));
  CHECK(clock.now() - start < 20s);
  CHECK(output.status == 4);
  const std::size_t at = output.out.find("pid ");
  REQUIRE(at != std::string::npos);
  const int grandchild = std::stoi(output.out.substr(at + 4));
  CHECK(runs(grandchild));
  ::kill(grandchild, SIGKILL);
}

TEST_CASE_FIXTURE(Fixture, "wait says whether something happened") {
  const auto child = runner.start(sh("read x; echo \"$x\"", "hello\n"));
  const auto sleeper = runner.start(sh("exec sleep 60"));
  const std::array<Process*, 3> both{sleeper.get(), nullptr, child.get()};
  while (!child->finished()) CHECK(runner.wait(both, in(30s)));
  CHECK(child->out() == "hello\n");
  CHECK_FALSE(runner.wait(both, in(50ms)));
  CHECK_FALSE(runner.wait(both, TimePoint::min()));
  const std::array<Process*, 1> finished{child.get()};
  const TimePoint start = clock.now();
  CHECK_FALSE(runner.wait(finished, in(50ms)));
  CHECK_FALSE(runner.wait({}, in(50ms)));
  CHECK(clock.now() - start >= 100ms);
}

TEST_CASE_FIXTURE(Fixture, "what has been said already is seen even when the time has passed") {
  int pid = 0;
  runner.observe([&](int started, const Command&) { pid = started; });
  const auto child = runner.start(sh("echo x"));
  REQUIRE(goes(pid));
  const std::array<Process*, 1> all{child.get()};
  CHECK(runner.wait(all, TimePoint::min()));
  CHECK(child->out() == "x\n");
}

TEST_CASE_FIXTURE(Fixture, "a signal ends a wait, and nothing new is started until it is acknowledged") {
  const auto child = runner.start(sh("kill -INT $PPID; exec sleep 60"));
  const std::array<Process*, 1> all{child.get()};
  CHECK(signal_of([&] { runner.wait(all, TimePoint::max()); }) == SIGINT);
  CHECK(signal_of([&] { runner.wait({}, in(30s)); }) == SIGINT);
  CHECK(signal_of([&] { runner.start(sh("exit 0")); }) == SIGINT);
  signals.acknowledge();
  CHECK(go(sh("exit 0")).ok());
}

TEST_CASE_FIXTURE(Fixture, "additions to the environment reach the child and only the child") {
  Command command = sh("echo \"$RAIBID_TEST_A $HOME\"");
  command.environment = {{"RAIBID_TEST_A", "a=b c"}, {"HOME", "/elsewhere"}};
  CHECK(go(command).out == "a=b c /elsewhere\n");
  CHECK(::getenv("RAIBID_TEST_A") == nullptr);
  CHECK(go(sh("echo \"$RAIBID_TEST_A\"")).out == "\n");
}

TEST_CASE_FIXTURE(Fixture, "the child has default signals, none blocked, and no descriptor of ours") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);  // without O_CLOEXEC, as some library might
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &block, &before);
  const std::string status = go({.argv = {"cat", "/proc/self/status"}, .input = {}, .environment = {}}).out;
  const std::string open_files = go({.argv = {"ls", "/proc/self/fd"}, .input = {}, .environment = {}}).out;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(status.find("SigBlk:\t0000000000000000") != std::string::npos);
  CHECK(status.find("SigIgn:\t0000000000000000") != std::string::npos);
  CHECK(open_files == "0\n1\n2\n3\n");  // 3 is ls reading the folder
}

TEST_CASE_FIXTURE(Fixture, "the child leads a process group of its own") {
  const std::string stat = go({.argv = {"cat", "/proc/self/stat"}, .input = {}, .environment = {}}).out;
  int pid = 0, parent = 0, group = 0;
  char state = 0;
  REQUIRE(std::sscanf(stat.c_str(), "%d (cat) %c %d %d", &pid, &state, &parent, &group) == 4);
  CHECK(group == pid);
  CHECK(parent == ::getpid());
}

TEST_CASE_FIXTURE(Fixture, "the observer hears of a child before it has done anything") {
  int seen = 0;
  std::string executable;
  runner.observe([&](int pid, const Command& command) {
    seen = pid;
    CHECK(command.argv.front() == "/bin/sh");
    std::array<char, 4096> buffer{};
    const ssize_t length = ::readlink(("/proc/" + std::to_string(pid) + "/exe").c_str(), buffer.data(), buffer.size());
    executable = std::string(buffer.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  });
  const std::string out = go(sh("echo $$")).out;
  CHECK(out == std::to_string(seen) + "\n");
  CHECK(executable.find("unit_tests") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "when the observer throws, the child never runs") {
  int seen = 0;
  runner.observe([&](int pid, const Command&) {
    seen = pid;
    throw Error(ExitCode::failure, "disk full");
  });
  CHECK(error_of([&] { runner.start(sh("exec sleep 60")); }).message() == "disk full");
  CHECK_FALSE(runs(seen));
}

TEST_CASE("a child dies when its parent is killed") {
  std::array<int, 2> report{};
  REQUIRE(::pipe(report.data()) == 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    Signals signals;
    SystemClock clock;
    SystemRunner runner(clock, signals);
    int pid = 0;
    runner.observe([&](int child, const Command&) { pid = child; });
    const auto child = runner.start({.argv = {"sleep", "60"}, .input = {}, .environment = {}});
    if (::write(report[1], &pid, sizeof pid) != sizeof pid) ::_exit(1);
    runner.wait({}, TimePoint::max());
    ::_exit(0);
  }
  int child = 0;
  REQUIRE(::read(report[0], &child, sizeof child) == sizeof child);
  CHECK(runs(child));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  CHECK(goes(child));
  ::close(report[0]);
  ::close(report[1]);
}

TEST_CASE("children get their streams also when ours are closed") {
  const pid_t parent = ::fork();
  if (parent == 0) {
    for (const int fd : {0, 1, 2}) ::close(fd);
    Signals signals;
    SystemClock clock;
    SystemRunner runner(clock, signals);
    const Output output = run(runner, sh("cat; echo err >&2", "in"), clock.now() + 30s);
    ::_exit(output.ok() && output.out == "in" && output.err == "err\n" ? 0 : 1);
  }
  int status = 0;
  ::waitpid(parent, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE_FIXTURE(Fixture, "hundreds of children leave no descriptor and no zombie behind") {
  const auto descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const int before = descriptors();
  for (int i = 0; i < 300; ++i) {
    CHECK(go({.argv = {"true"}, .input = "x", .environment = {}}).ok());
    CHECK(error_of([&] { runner.start({.argv = {"/no/such"}, .input = {}, .environment = {}}); }).code() ==
          ExitCode::preflight);
  }
  CHECK(descriptors() == before);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

}  // namespace raibid::system_runner_test
