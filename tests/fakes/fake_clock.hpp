#pragma once

#include "sys/clock.hpp"

#include <chrono>

namespace raibid {

/// A clock that stands still until a test, or a FakeRunner's `wait`, moves it.
class FakeClock final : public Clock {
 public:
  TimePoint now() const override { return m_now; }
  /// 2026-01-31T09:08:07Z plus what has passed.
  std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::from_time_t(1769850487) + (m_now - start());
  }

  void advance(Duration by) { m_now += by; }
  /// Never goes back: what is past already is fine.
  void advance_to(TimePoint to) {
    if (to > m_now) m_now = to;
  }

 private:
  static TimePoint start() { return TimePoint(std::chrono::hours(1)); }
  TimePoint m_now = start();
};

}  // namespace raibid
