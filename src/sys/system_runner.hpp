#pragma once

#include <memory>
#include <span>

#include "sys/clock.hpp"
#include "sys/process.hpp"

namespace raibid {

/// fork and exec. Children lead a process group of their own, die with us (PR_SET_PDEATHSIG), and get default signal
/// handling and /dev/null where we give them no input.
class SystemRunner final : public Runner {
 public:
  SystemRunner(const Clock& clock, Signals& signals) : m_clock(clock), m_signals(signals) {}

  std::unique_ptr<Process> start(const Command& command) override;
  bool wait(std::span<Process* const> processes, TimePoint until) override;
  TimePoint now() const override { return m_clock.now(); }

 private:
  const Clock& m_clock;
  Signals& m_signals;
};

}  // namespace raibid
