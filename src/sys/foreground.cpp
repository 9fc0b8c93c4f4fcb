#include "sys/foreground.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "sys/signals.hpp"

namespace raibid {

namespace {

constexpr int look_again_ms = 200;
constexpr int cannot_execute = 127;

[[noreturn]] void become(const Command& command, const std::vector<std::string>& without, int with, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(cannot_execute);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
  if (with >= 0) ::fcntl(with, F_SETFD, 0);
  for (const std::string& name : without) ::unsetenv(name.c_str());
  for (const auto& [name, value] : command.environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (const std::string& argument : command.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const std::string message = fmt::format("{}: {}\n", command.argv[0], ::strerror(errno));
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message.data(), message.size());
  ::_exit(cannot_execute);
}

void end(pid_t child) {
  ::kill(child, SIGTERM);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

int run_foreground(const ChangeGuard& guard, const Command& command, Signals& signals,
                   const std::function<void()>& idle, const std::vector<std::string>& without, int with) {
  guard.check("run " + command.argv.at(0));
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0)
    throw Error(ExitCode::preflight, fmt::format("{} cannot be started: {}", command.argv.at(0), ::strerror(errno)));
  if (child == 0) become(command, without, with, parent);
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    const int pending = signals.pending();
    if (pending == SIGINT) signals.acknowledge();  // the child's to handle
    if (pending != 0 && pending != SIGINT) {
      end(child);
      signals.check();
    }
    pollfd waiting = {signals.fd(), POLLIN, 0};
    ::poll(&waiting, 1, look_again_ms);
    idle();
  }
}

}  // namespace raibid
