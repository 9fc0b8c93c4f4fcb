#include "sys/detached.hpp"

#include "base/error.hpp"
#include "sys/system_error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace raibid {

namespace {

constexpr const char* this_program = "/proc/self/exe";  // also where the file was replaced meanwhile

/// In the fork of a fork: nothing here may allocate.
[[noreturn]] void become_detached(char* const* argv, int nowhere, int end) {
  ::setsid();
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool ready = ::dup2(nowhere, STDIN_FILENO) >= 0 && ::dup2(nowhere, STDOUT_FILENO) >= 0 &&
                     ::dup2(nowhere, STDERR_FILENO) >= 0 && ::fcntl(end, F_SETFD, 0) == 0;
  if (ready) ::execv(this_program, argv);
  ::_exit(127);
}

}  // namespace

UniqueFd start_detached(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {this_program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(ExitCode::failure, "a pipe", errno);
  UniqueFd read(ends[0]);
  const UniqueFd write(ends[1]);
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  // forked twice, so that it is no child of whoever waits for ours
  const pid_t middle = ::fork();
  if (middle == 0) {
    if (::fork() == 0) become_detached(argv.data(), nowhere.get(), write.get());
    ::_exit(0);
  }
  if (middle < 0) throw system_error(ExitCode::failure, "raibid-cli cannot be started again", errno);
  while (::waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
  }
  return read;
}

void wait_for_end(const UniqueFd& run, Duration limit) {
  pollfd end{run.get(), POLLIN, 0};
  ::poll(&end, 1, static_cast<int>(limit.count()));
}

void end_after(Duration limit) {
  struct sigaction action {};
  action.sa_handler = [](int) { ::_exit(0); };
  ::sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  ::sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  itimerval timer{};
  timer.it_value.tv_sec = limit.count() / 1000;
  timer.it_value.tv_usec = (limit.count() % 1000) * 1000;
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace raibid
