#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/clock.hpp"

namespace raibid {

/// What a run waited for, for --timing, -v and --debug: each child, request and Redis command with its start and
/// duration.
class Timeline {
 public:
  explicit Timeline(const Clock& clock) : m_clock(clock), m_start(clock.now()) {}

  /// Who asks: a program, the Kubernetes API, or Redis.
  enum class Kind { program, request, redis };
  /// Hears of each entry as it begins (`ended` is false; `text` is all of it) and as it ends (how, and how long it
  /// took).
  using Listener = std::function<void(Kind kind, bool ended, const std::string& text)>;
  void listen(Listener listener) { m_listener = std::move(listener); }

  /// Something begins now; `what` must hold no secret, nor `whole`, which says more of it ("": no more). Returns its
  /// number, for `end`.
  std::size_t begin(Kind kind, std::string_view what, std::string_view whole = {});
  /// It ended now, `how` ("404", "") it did. What has ended already stays as it was.
  void end(std::size_t number, std::string_view how = {});

  /// A line each, in the order of their starts: seconds since the run began, how long it took ("…": until the end of
  /// the run, or until we ended it), what it was.
  std::string text() const;

 private:
  struct Entry {
    Kind kind;
    std::string what;
    TimePoint begin;
    TimePoint end{};
    std::string how{};
    bool ended = false;
  };
  const Clock& m_clock;
  TimePoint m_start;
  std::vector<Entry> m_entries;
  Listener m_listener;
};

}  // namespace raibid
