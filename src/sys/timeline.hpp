#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sys/clock.hpp"

namespace raibid {

/// What a run waited for, for --timing: each child, request and Redis command with its start and duration.
class Timeline {
 public:
  explicit Timeline(const Clock& clock) : m_clock(clock), m_start(clock.now()) {}

  /// Something begins now; `what` must hold no secret. Returns its number, for `end`.
  std::size_t begin(std::string_view what);
  /// It ended now, `how` ("404", "") it did. What has ended already stays as it was.
  void end(std::size_t number, std::string_view how = {});

  /// A line each, in the order of their starts: seconds since the run began, how long it took ("…": until the end of
  /// the run, or until we ended it), what it was.
  std::string text() const;

 private:
  struct Entry {
    std::string what;
    TimePoint begin;
    TimePoint end{};
    std::string how{};
    bool ended = false;
  };
  const Clock& m_clock;
  TimePoint m_start;
  std::vector<Entry> m_entries;
};

}  // namespace raibid
