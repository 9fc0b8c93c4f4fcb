#pragma once

#include "sys/clock.hpp"
#include "sys/process.hpp"

#include <memory>
#include <optional>

namespace raibid {

/// A kubectl that is asked something beside the watches: it goes into the same poll set and is never waited for.
class Question {
 public:
  /// A child that has not answered after `patience` is ended, and that is its answer (timed_out).
  Question(Runner& runner, const Clock& clock, Duration patience)
      : m_runner(runner), m_clock(clock), m_patience(patience) {}

  void ask(const Command& command);
  bool pending() const { return m_process != nullptr; }
  bool asked() const { return m_asked_at.has_value(); }
  /// How long ago it was asked last.
  Duration age() const;

  /// For Runner::wait; null when nothing is being asked.
  Process* process() const { return m_process.get(); }
  const Command& command() const { return m_command; }

  /// The answer, once.
  std::optional<Output> take();

 private:
  Runner& m_runner;
  const Clock& m_clock;
  Duration m_patience;
  Command m_command;
  std::unique_ptr<Process> m_process;
  std::optional<TimePoint> m_asked_at;
};

}  // namespace raibid
