#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <thread>

#include "sys/process.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

/// Starts a thread that gets no signals: the main thread handles them, and its waits must be interrupted by them.
/// Throws Error (failure) when no thread can be started.
std::thread start_thread(std::function<void()> work);

/// Runs a function that takes seconds in a thread of its own. The function checks `stop` now and then, and ends early
/// when it is set. Until `join` has returned, nobody else touches what the function uses.
class Background {
 public:
  using Work = std::function<void(const std::atomic<bool>& stop)>;
  /// Throws as start_thread.
  explicit Background(Work work);
  /// Sets `stop`, and waits until the function has ended.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Waits until the function has ended. Throws what it threw, Error (failure) at `deadline`, and Interrupted when a
  /// signal arrives; in these two cases the function goes on.
  void join(Runner& runner, TimePoint deadline);

 private:
  std::atomic<bool> m_stop = false, m_done = false;
  std::exception_ptr m_failure;
  UniqueFd m_ended;
  std::thread m_thread;
};

}  // namespace raibid
