#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "plan/journal.hpp"
#include "plan/step.hpp"
#include "sys/clock.hpp"

namespace raibid {

class Reporter;
class Runner;
class Signals;

enum class Before { act, undo };

/// Who has taken over what this run works on: an Error with message and hint. std::nullopt while it is still ours.
/// Throws Error when that cannot be found out.
using StillOurs = std::function<std::optional<Error>(Before)>;

/// What the executor needs from the rest of the program.
struct ExecutorDependencies {
  const Clock& clock;
  Signals& signals;
  Reporter& reporter;
  const UndoTable& undo_table;
  /// Before a rollback: keeps what explains the failure and returns where ("" for nothing). Must not throw.
  std::function<std::string(const Error&)> keep_evidence;
  bool keep_on_failure = false;
  /// Asked before each act and each undo, so that no step can forget it.
  StillOurs still_ours = {};
  /// The id of this run, which completes every Undo that is recorded (run_argument).
  std::string run = {};
};

/// How a run ends that someone else has taken over: preflight when it had changed nothing, else remains.
Error stopped_for(Error taken_over, bool changed);

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
  /// preflight stay what they are). After a signal throws Interrupted, unless something remains. The journal is closed
  /// unless something remains. A run whose lock is someone else's now stops at once and undoes nothing: preflight when
  /// nothing had been changed, else remains; its journal stays, for the next run to judge. Steps after the one that
  /// failed are not reported; the rollback is, as a step of its own.
  Summary run(const Plan& plan, Journal& journal);

  /// Ends the children of an interrupted run and undoes what it left in `journal`, which stays open (see
  /// Journal::restart). What is not to be undone (see Kept) is dropped, with the reason. Throws Error (remains) when
  /// that is not possible, or when a signal comes first; as `run` does when someone else has the lock now.
  void recover(Journal& journal);

 private:
  StepResult run_step(const Step& step, Journal& journal);
  /// `signal`: what interrupted the run, or 0.
  [[noreturn]] void fail(Error error, int signal, Journal& journal);
  void check_still_ours(Before what);
  void look_who_has_it();
  std::string keep_evidence(Error& error);
  std::string roll_back(Journal& journal, const std::string& name);
  void undo(const Undo& undo);

  ExecutorDependencies m_dependencies;
  std::optional<Error> m_taken_over;  ///< by whom
  bool m_changed = false;             ///< at least one act or undo is done
};

}  // namespace raibid
