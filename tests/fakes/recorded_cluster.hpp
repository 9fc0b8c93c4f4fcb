#pragma once

#include "fakes/fake_clock.hpp"
#include "sys/process.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace raibid {

/// A Runner whose kubectl shows again what a real cluster has shown: a file of tests/fixtures/rollout, with its times.
/// Answers to `get` and `logs` take as long as they do there. Anything else fails the test.
class RecordedCluster final : public Runner {
 public:
  /// Throws when there is no recording of that name.
  explicit RecordedCluster(const std::string& name);

  /// What was recorded, to be changed before the first `start`.
  nlohmann::json recording;

  FakeClock& clock() { return m_clock; }
  /// Milliseconds since the first document of the recording was due.
  long long elapsed() const;
  /// How often a command with that word was run.
  int asked(const std::string& word) const;

  std::unique_ptr<Process> start(const Command& command) override;
  bool wait(std::span<Process* const> processes, TimePoint until) override;
  TimePoint now() const override { return m_clock.now(); }

 private:
  class Child;
  std::unique_ptr<Child> watch(const std::string& kind) const;
  std::unique_ptr<Child> answer(const std::string& text, int status = 0) const;

  FakeClock m_clock;
  TimePoint m_origin;  ///< when the first document is due
  std::vector<std::vector<std::string>> m_commands;
};

}  // namespace raibid
