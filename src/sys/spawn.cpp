#include "sys/spawn.hpp"

#include "base/error.hpp"
#include "sys/child.hpp"
#include "sys/system_error.hpp"
#include "sys/system_runner.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>

namespace raibid {

namespace {

struct Pipe {
  UniqueFd read, write;
};

/// Past the standard streams: when one of ours is closed, a pipe could get its number and be lost in the child's dup2.
UniqueFd above_standard(int fd, const std::string& program) {
  UniqueFd low(fd);
  if (fd > STDERR_FILENO) return low;
  UniqueFd high(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!high) throw system_error(ExitCode::failure, program + ": a pipe", errno);
  return high;
}

Pipe make_pipe(const std::string& program) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(ExitCode::failure, program + ": a pipe", errno);
  UniqueFd write(ends[1]);
  Pipe pipe;
  pipe.read = above_standard(ends[0], program);
  pipe.write = above_standard(write.release(), program);
  return pipe;
}

/// Everything the child needs, ready before the fork: afterwards it may not allocate.
struct Launch {
  const char* program;
  char* const* argv;
  char* const* environment;
  pid_t parent;
  int in, out, err;  ///< what becomes its standard streams
  int go;            ///< a byte comes when it may run; an end when it may not
  int go_write;      ///< our end of it, which the child has to close to check that end
  int failure;       ///< takes the errno of an exec that failed
  bool own_group;    ///< it gets a process group of its own
};

[[noreturn]] void become(const Launch& launch) {
  if (launch.own_group) ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launch.parent) ::_exit(127);  // it died before prctl could see it
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::close(launch.go_write);
  char byte = 0;
  ssize_t count = 0;
  while ((count = ::read(launch.go, &byte, 1)) < 0 && errno == EINTR) {
  }
  if (count != 1) ::_exit(127);
  if (::dup2(launch.in, STDIN_FILENO) >= 0 && ::dup2(launch.out, STDOUT_FILENO) >= 0 &&
      ::dup2(launch.err, STDERR_FILENO) >= 0) {
    // also what a library opened without O_CLOEXEC; an old kernel refuses, and our own are marked anyway
    ::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    ::execvpe(launch.program, launch.argv, launch.environment);
  }
  const int number = errno;
  [[maybe_unused]] const ssize_t written = ::write(launch.failure, &number, sizeof number);
  ::_exit(127);
}

/// Keeps every signal away while there is a fork of us that would run our handlers.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, &m_before);
  }
  ~SignalsBlocked() { ::sigprocmask(SIG_SETMASK, &m_before, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t m_before;
};

std::vector<std::string> environment_with(const Command& command) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    variables[text.substr(0, text.find('='))] = text;
  }
  for (const auto& [name, value] : command.environment) variables[name] = name + "=" + value;
  std::vector<std::string> entries;
  for (auto& [name, entry] : variables) entries.push_back(std::move(entry));
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (std::string& text : strings) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

void wait_for(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

/// The errno of the exec, 0 once it has worked.
int exec_failure(int fd) {
  int number = 0;
  ssize_t count = 0;
  while ((count = ::read(fd, &number, sizeof number)) < 0 && errno == EINTR) {
  }
  return count == sizeof number ? number : 0;
}

Error cannot_start(const std::string& program, int number) {
  if (number == ENOENT && program.find('/') == std::string::npos) {
    return Error(ExitCode::preflight, program + ": not found in PATH",
                 "install " + program + ", or add the folder it is in to PATH");
  }
  return system_error(ExitCode::preflight, program + ": cannot be started", number);
}

void set_nonblocking(const UniqueFd& fd) {
  if (fd) ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

/// Lets the child exec once the observer knows of it.
void release(pid_t pid, UniqueFd& go, const Command& command, const SystemRunner::Observer& observer) {
  try {
    if (observer) observer(pid, command);
  } catch (...) {
    go.reset();
    wait_for(pid);
    throw;
  }
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = ::write(go.get(), &byte, 1);
  go.reset();
}

}  // namespace

Spawned spawn(const Command& command, const SystemRunner::Observer& observer) {
  if (command.argv.empty()) throw Error(ExitCode::preflight, "a command without a program");
  const std::string& program = command.argv.front();
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> variables = environment_with(command);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> environment = pointers(variables);

  Pipe in;
  // only the terminal's foreground group may read from it
  const bool on_terminal = command.asks_user && ::isatty(STDIN_FILENO) == 1;
  if (on_terminal) {
    in.read = UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!in.read) throw system_error(ExitCode::failure, program + ": standard input", errno);
  } else if (command.input.empty() && !command.input_follows) {
    in.read = above_standard(::open("/dev/null", O_RDONLY | O_CLOEXEC), program);
  } else {
    in = make_pipe(program);
  }
  Pipe out = make_pipe(program), err = make_pipe(program), go = make_pipe(program), failure = make_pipe(program);
  const Launch launch{program.c_str(), argv.data(),         environment.data(), ::getpid(),
                      in.read.get(),   out.write.get(),     err.write.get(),    go.read.get(),
                      go.write.get(),  failure.write.get(), !on_terminal};
  pid_t pid = -1;
  {
    const SignalsBlocked blocked;
    pid = ::fork();
    if (pid == 0) become(launch);
  }
  if (pid < 0) throw system_error(ExitCode::failure, program + ": fork", errno);
  if (!on_terminal) ::setpgid(pid, pid);  // both sides do it, so that neither has to wait for the other
  failure.write.reset();
  go.read.reset();

  Spawned child;
  child.pid = pid;
  child.own_group = !on_terminal;
  child.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_errno = errno;
  if (!child.pidfd) {
    go.write.reset();
    wait_for(pid);
    throw system_error(ExitCode::failure, program + ": pidfd_open (Linux 5.3 or newer)", pidfd_errno);
  }
  release(pid, go.write, command, observer);
  if (const int number = exec_failure(failure.read.get())) {
    wait_for(pid);
    throw cannot_start(program, number);
  }
  child.in = std::move(in.write);
  child.out = std::move(out.read);
  child.err = std::move(err.read);
  set_nonblocking(child.in);
  set_nonblocking(child.out);
  set_nonblocking(child.err);
  return child;
}

}  // namespace raibid
