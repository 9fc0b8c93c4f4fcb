#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <thread>

#include "sys/process.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

/// Starts a thread that gets no signals: they are the main thread's, and what it waits in has to hear of them. Throws
/// Error (failure) when there can be none.
std::thread start_thread(std::function<void()> work);

/// Work beside us that takes seconds and shares nothing with us. It looks at `stop` now and then, and ends early when
/// that is set.
class Background {
 public:
  using Work = std::function<void(const std::atomic<bool>& stop)>;
  /// Throws as start_thread.
  explicit Background(Work work);
  /// Stops the work, and waits until it has ended.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Waits for its end. Throws what the work threw, Error (failure) at `deadline`, and Interrupted when a signal
  /// arrives; then the work goes on.
  void join(Runner& runner, TimePoint deadline);

 private:
  std::atomic<bool> m_stop = false, m_done = false;
  std::exception_ptr m_failure;
  UniqueFd m_ended;
  std::thread m_thread;
};

}  // namespace raibid
