#include "sys/signals.hpp"

#include "base/error.hpp"
#include "sys/system_error.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <stdexcept>

namespace raibid {

namespace {

constexpr std::array caught{SIGINT, SIGTERM, SIGHUP};
constexpr std::int64_t same_signal_ns = 50'000'000;

// What a handler can reach: there is one Signals object at a time.
volatile std::sig_atomic_t pending_signal = 0;
volatile std::sig_atomic_t last_signal = 0;
volatile std::int64_t last_arrival_ns = 0;
volatile int wake_fd = -1;
std::array<struct sigaction, caught.size()> old_actions;
struct sigaction old_pipe_action;

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void handle(int signal) {
  const int saved_errno = errno;
  const std::int64_t now = monotonic_ns();
  const bool repeated = signal == last_signal && now - last_arrival_ns < same_signal_ns;
  if (!repeated) {
    last_signal = signal;
    last_arrival_ns = now;
    if (pending_signal == 0) pending_signal = signal;
    const char byte = 0;
    [[maybe_unused]] const ssize_t written = ::write(wake_fd, &byte, 1);  // a full pipe is as readable as can be
  }
  errno = saved_errno;
}

struct sigaction action_for(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  // one handler at a time, and no SA_RESTART: what blocks comes back with EINTR
  sigemptyset(&action.sa_mask);
  for (const int signal : caught) sigaddset(&action.sa_mask, signal);
  return action;
}

}  // namespace

Signals::Signals() {
  if (wake_fd >= 0) throw std::logic_error("there is a Signals object already");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw system_error(ExitCode::failure, "a pipe for signals", errno);
  }
  m_read = ends[0];
  m_write = ends[1];
  wake_fd = m_write;
  pending_signal = 0;
  last_signal = 0;
  const struct sigaction ours = action_for(handle);
  for (std::size_t i = 0; i < caught.size(); ++i) {
    sigaction(caught[i], nullptr, &old_actions[i]);
    // nohup asked for HUP to be ignored, and means it
    if (caught[i] != SIGHUP || old_actions[i].sa_handler != SIG_IGN) sigaction(caught[i], &ours, nullptr);
  }
  const struct sigaction ignore = action_for(SIG_IGN);
  sigaction(SIGPIPE, &ignore, &old_pipe_action);
}

Signals::~Signals() {
  for (std::size_t i = 0; i < caught.size(); ++i) sigaction(caught[i], &old_actions[i], nullptr);
  sigaction(SIGPIPE, &old_pipe_action, nullptr);
  wake_fd = -1;
  ::close(m_read);
  ::close(m_write);
}

int Signals::pending() const { return pending_signal; }

void Signals::check() const {
  if (const int signal = pending()) throw Interrupted(signal);
}

void Signals::acknowledge() {
  sigset_t block, before;
  sigemptyset(&block);
  for (const int signal : caught) sigaddset(&block, signal);
  sigprocmask(SIG_BLOCK, &block, &before);
  pending_signal = 0;
  std::array<char, 64> bytes{};
  while (::read(m_read, bytes.data(), bytes.size()) > 0) {
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace raibid
