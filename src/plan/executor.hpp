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
  /// signal, keep_on_failure), with the commands left in the hint; failure, when nothing had been changed (usage and
  /// preflight stay what they are). A signal keeps its own code unless something remains. The journal is closed unless
  /// something remains. Steps after the one that failed are not reported; the rollback is, as a step of its own.
  Summary run(const Plan& plan, Journal& journal);

  /// Ends the children of an interrupted run and undoes what it left in `journal`, which stays open (see
  /// Journal::restart). Throws Error (remains) when that is not possible, or when a signal comes first.
  void recover(Journal& journal);

 private:
  StepResult run_step(const Step& step, Journal& journal);
  [[noreturn]] void fail(Error error, Journal& journal);
  std::string evidence_of(const Error& error);
  std::string roll_back(Journal& journal, const std::string& name);
  void undo(const Undo& undo);

  ExecutorDependencies m_dependencies;
};

}  // namespace raibid
