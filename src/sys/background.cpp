#include "sys/background.hpp"

#include "base/error.hpp"
#include "sys/descriptors.hpp"
#include "sys/system_error.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace raibid {

std::thread start_thread(std::function<void()> work) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  try {
    std::thread thread(std::move(work));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw system_error(ExitCode::failure, "a thread", error.code().value());
  }
}

Background::Background(Work work) : m_ended(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!m_ended) throw system_error(ExitCode::failure, "eventfd", errno);
  m_thread = start_thread([this, work = std::move(work)] {
    try {
      work(m_stop);
    } catch (...) {
      m_failure = std::current_exception();
    }
    m_done = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(m_ended.get(), &one, sizeof one);
  });
}

Background::~Background() {
  m_stop = true;
  m_thread.join();
}

void Background::join(Runner& runner, TimePoint deadline) {
  while (!m_done) {
    if (wait_for(runner, m_ended.get(), POLLIN, deadline) == 0 && !m_done)
      throw Error(ExitCode::failure, "the background work did not end in time", "give it more time with --timeout");
  }
  if (m_failure) std::rethrow_exception(m_failure);
}

}  // namespace raibid
