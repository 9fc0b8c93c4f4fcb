#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plan/journal.hpp"
#include "plan/step.hpp"
#include "sys/clock.hpp"

namespace raibid {

class Error;
class Reporter;
class Runner;
class Signals;

/// What the executor needs from the rest of the program.
struct ExecutorDependencies {
  const Clock& clock;
  Signals& signals;
  Reporter& reporter;
  const UndoTable& undo_table;
  /// Before a rollback: keeps what explains the failure and returns where ("" for nothing). Must not throw.
  std::function<std::string(const Error&)> keep_evidence;
  bool keep_on_failure = false;
};

/// Runs a plan: for each step its undo is recorded, then it acts. When one fails, or a signal comes, what this run
/// recorded is undone newest first.
class Executor {
 public:
  explicit Executor(ExecutorDependencies dependencies) : m_dependencies(std::move(dependencies)) {}

  struct Summary {
    bool changed = false;  ///< at least one step changed something
  };

  /// On failure throws the step's Error with its code replaced: rolled_back; remains (incomplete rollback, a second
  /// signal, keep_on_failure), with the commands left in the hint; failure, when nothing had been changed. A signal
  /// keeps its own code when the rollback is complete. The journal is closed unless something remains.
  Summary run(const Plan& plan, Journal& journal);

  /// Undoes what an interrupted run left in `journal`. Throws Error (remains) when that is not possible.
  void recover(Journal& journal);

 private:
  [[noreturn]] void fail(const Error& error, Journal& journal);
  std::vector<std::string> roll_back(Journal& journal);

  ExecutorDependencies m_dependencies;
};

}  // namespace raibid
