#include "sys/system_runner.hpp"

#include "sys/child.hpp"
#include "sys/process.hpp"
#include "sys/signals.hpp"
#include "sys/spawn.hpp"
#include "sys/system_error.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace raibid {

namespace {

/// For poll: rounded up, so that we do not spin through the last millisecond.
int timeout_ms(TimePoint now, TimePoint until) {
  constexpr Duration longest = std::chrono::hours(1);
  if (until <= now) return 0;
  if (until - now > longest) return static_cast<int>(longest.count());
  return static_cast<int>(std::chrono::ceil<Duration>(until - now).count());
}

}  // namespace

std::unique_ptr<Process> SystemRunner::start(const Command& command) {
  m_signals.check();
  return std::make_unique<Child>(spawn(command, m_observer), command);
}

bool SystemRunner::wait(std::span<Process* const> processes, TimePoint until) {
  std::vector<Child*> children;
  for (Process* process : processes) {
    if (process != nullptr && !process->finished()) children.push_back(&dynamic_cast<Child&>(*process));
  }
  std::vector<pollfd> list;
  while (true) {
    m_signals.check();
    list.assign(1, pollfd{m_signals.fd(), POLLIN, 0});
    for (const Child* child : children) child->watch(list);
    if (::poll(list.data(), list.size(), timeout_ms(m_clock.now(), until)) < 0) {
      if (errno == EINTR) continue;
      throw system_error(ExitCode::failure, "poll", errno);
    }
    m_signals.check();
    bool news = false;
    for (std::size_t i = 0; i < children.size(); ++i) {
      news |= children[i]->handle(std::span(list).subspan(1 + i * Child::polled, Child::polled));
    }
    if (news) return true;
    if (m_clock.now() >= until) return false;
  }
}

}  // namespace raibid
