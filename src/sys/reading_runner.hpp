#pragma once

#include <memory>
#include <utility>

#include "sys/process.hpp"

namespace raibid {

/// The Runner of a dry run: starts only what is marked as reading (Command::only_reads).
class ReadingRunner final : public Runner {
 public:
  explicit ReadingRunner(Runner& runner) : m_runner(runner) {}

  /// Throws std::logic_error for a command that may change something, see ChangeGuard.
  std::unique_ptr<Process> start(const Command& command) override;
  bool wait(std::span<Process* const> processes, TimePoint until) override { return m_runner.wait(processes, until); }
  TimePoint now() const override { return m_runner.now(); }
  void tell(Teller teller) override { m_runner.tell(std::move(teller)); }
  void record(Timeline* timeline) override { m_runner.record(timeline); }

 private:
  Runner& m_runner;
};

}  // namespace raibid
