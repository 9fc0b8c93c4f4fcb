#include "sys/system_runner.hpp"

#include "sys/child.hpp"
#include "sys/polled.hpp"
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
  std::vector<Polled*> waiting;
  for (Process* process : processes) {
    if (process != nullptr && !process->finished()) waiting.push_back(&dynamic_cast<Polled&>(*process));
  }
  std::vector<pollfd> list;
  std::vector<std::size_t> begins;  // where each one's part of the list begins, and the end of the last
  while (true) {
    m_signals.check();
    list.assign(1, pollfd{m_signals.fd(), POLLIN, 0});
    begins.clear();
    TimePoint wake = until;
    for (const Polled* one : waiting) {
      begins.push_back(list.size());
      one->watch(list);
      wake = std::min(wake, one->due());
    }
    begins.push_back(list.size());
    if (::poll(list.data(), list.size(), timeout_ms(m_clock.now(), wake)) < 0) {
      if (errno == EINTR) continue;
      throw system_error(ExitCode::failure, "poll", errno);
    }
    m_signals.check();
    bool news = false;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      news |= waiting[i]->handle(std::span(list).subspan(begins[i], begins[i + 1] - begins[i]));
    }
    if (news) return true;
    if (m_clock.now() >= until) return false;
  }
}

}  // namespace raibid
