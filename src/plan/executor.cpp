#include "plan/executor.hpp"

#include "base/error.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <set>
#include <utility>

namespace raibid {

namespace {

/// Measures a step from its construction.
class Stopwatch {
 public:
  explicit Stopwatch(const Clock& clock) : m_clock(clock), m_start(clock.now()) {}
  Duration elapsed() const { return std::chrono::duration_cast<Duration>(m_clock.now() - m_start); }

 private:
  const Clock& m_clock;
  TimePoint m_start;
};

void add_paragraph(std::string& text, const std::string& paragraph) {
  if (!text.empty() && !paragraph.empty()) text += '\n';
  text += paragraph;
}

/// The commands for what is still there, in the order in which to type them: newest first.
std::string remaining_commands(const Journal& journal) {
  std::string text = "what remains can be removed with:";
  const std::vector<Undo>& pending = journal.pending();
  for (auto undo = pending.rbegin(); undo != pending.rend(); ++undo) text += "\n  " + undo->command;
  return text;
}

/// What happened is worth more than that the empty journal could not be removed.
void close_quietly(Journal& journal) {
  try {
    journal.close();
  } catch (const Error&) {
  }
}

ExitCode code_when_nothing_changed(const Error& error) {
  const bool keeps = error.code() == ExitCode::usage || error.code() == ExitCode::preflight;
  return keeps ? error.code() : ExitCode::failure;
}

}  // namespace

Error stopped_for(Error taken_over, bool changed) {
  std::string hint = taken_over.hint();
  add_paragraph(hint, changed ? "this run stopped: what it did before stays, and nothing was undone"
                              : "this run stopped and changed nothing");
  return taken_over.with_code(changed ? ExitCode::remains : ExitCode::preflight).with_hint(hint);
}

Executor::Summary Executor::run(const Plan& plan, Journal& journal) {
  m_changed = false;
  try {
    for (const Step& step : plan) {
      if (run_step(step, journal).outcome == Outcome::changed) m_changed = true;
    }
  } catch (const Interrupted& stop) {
    fail(Error(ExitCode::failure, stop.message()), stop.signal(), journal);
  } catch (const Error& error) {
    fail(error, 0, journal);
  } catch (const std::exception& error) {
    fail(Error(ExitCode::failure, error.what()), 0, journal);  // a bug of ours leaves nothing behind either
  }
  journal.close();
  return {m_changed};
}

/// Throws who has taken it over, and remembers that.
void Executor::check_still_ours(Before what) {
  if (!m_dependencies.still_ours || m_taken_over) return;
  m_taken_over = m_dependencies.still_ours(what);
  if (m_taken_over) throw *m_taken_over;
}

/// Before anything is explained or undone. What cannot be found out now is asked again before each undo.
void Executor::look_who_has_it() {
  try {
    check_still_ours(Before::undo);
  } catch (const std::exception&) {
  }
}

StepResult Executor::run_step(const Step& step, Journal& journal) {
  Reporter& reporter = m_dependencies.reporter;
  m_dependencies.signals.check();
  const Stopwatch watch(m_dependencies.clock);
  reporter.step_started(step.name);
  const std::size_t recorded = journal.pending().size();
  try {
    if (step.undo) {
      for (Undo& undo : step.undo()) {
        if (!m_dependencies.run.empty()) undo.arguments.emplace(run_argument, m_dependencies.run);
        journal.record(undo);
      }
    }
    // as late as possible: finding out what to undo can take as long as a pod takes to start
    check_still_ours(Before::act);
    StepResult result = step.act();
    const Mark mark = result.outcome == Outcome::changed ? Mark::done : Mark::unchanged;
    reporter.step_ended(step.name, mark, result.detail, watch.elapsed());
    return result;
  } catch (const Error& error) {
    reporter.step_ended(step.name, Mark::failed, error.message(), watch.elapsed());
    while ((error.has_made_nothing() || m_taken_over) && journal.pending().size() > recorded)
      journal.undone(journal.pending().size() - 1);
    throw;
  } catch (const std::exception& error) {
    reporter.step_ended(step.name, Mark::failed, error.what(), watch.elapsed());
    throw;
  }
}

void Executor::fail(Error error, int signal, Journal& journal) {
  m_dependencies.signals.acknowledge();
  if (!m_taken_over && !journal.pending().empty()) look_who_has_it();
  if (m_taken_over) {
    const bool changed = m_changed || !journal.pending().empty();
    if (!changed) close_quietly(journal);
    throw stopped_for(*m_taken_over, changed);
  }
  if (journal.pending().empty()) {
    close_quietly(journal);
    if (signal != 0) throw Interrupted(signal);
    throw error.with_code(code_when_nothing_changed(error));
  }
  std::string hint = error.hint();
  if (signal == 0) add_paragraph(hint, keep_evidence(error));  // whoever interrupts knows why, and waits
  if (m_dependencies.keep_on_failure) {
    add_paragraph(hint, remaining_commands(journal));
    throw error.with_code(ExitCode::remains).with_hint(hint);
  }
  const std::string problems = roll_back(journal, "rollback");
  if (m_taken_over) throw stopped_for(*m_taken_over, true);
  if (journal.pending().empty()) {
    close_quietly(journal);
    if (signal != 0) throw Interrupted(signal, hint);
    throw error.with_code(ExitCode::rolled_back).with_hint(hint);
  }
  add_paragraph(hint, problems);
  add_paragraph(hint, remaining_commands(journal));
  throw error.with_code(ExitCode::remains).with_hint(hint);
}

std::string Executor::keep_evidence(Error& error) {
  if (!m_dependencies.keep_evidence) return {};
  try {
    const std::string where = m_dependencies.keep_evidence(error);
    error.with_evidence(where);
    return where.empty() ? "" : "diagnostics saved to " + where;
  } catch (const std::exception& problem) {
    return fmt::format("diagnostics could not be saved: {}", problem.what());
  }
}

/// Undoes everything pending, newest first, and keeps going when one fails; a signal ends it, and so does the loss of
/// the lock. Returns what went wrong.
std::string Executor::roll_back(Journal& journal, const std::string& name) {
  Reporter& reporter = m_dependencies.reporter;
  const Stopwatch watch(m_dependencies.clock);
  const std::size_t total = journal.pending().size();
  std::string problems;
  std::set<std::string> reasons;
  std::size_t kept = 0;
  reporter.step_started(name);
  for (std::size_t index = total; index-- > 0;) {
    const Undo entry = journal.pending()[index];
    try {
      m_dependencies.signals.check();
      check_still_ours(Before::undo);
      reporter.step_progress(name, entry.command);
      undo(entry);
      journal.undone(index);
      m_changed = true;
    } catch (const Kept& reason) {
      journal.undone(index);
      ++kept;
      reasons.insert(reason.what());
    } catch (const Interrupted& stop) {
      add_paragraph(problems, name + " stopped: " + stop.message());
      break;
    } catch (const Error& error) {
      if (m_taken_over) break;
      add_paragraph(problems, error.message());
    } catch (const std::exception& error) {
      add_paragraph(problems, error.what());
    }
  }
  const std::size_t left = journal.pending().size();
  std::string detail = left == 0 && kept == 0 ? fmt::format("{} undone", total)
                                              : fmt::format("{} of {} undone", total - left - kept, total);
  if (kept != 0) detail += fmt::format(", {} kept", kept);
  reporter.step_ended(name, left == 0 ? Mark::done : Mark::failed, detail, watch.elapsed());
  for (const std::string& reason : reasons) {
    if (!reason.empty()) reporter.note(reason);
  }
  return problems;
}

void Executor::undo(const Undo& undo) {
  const auto action = m_dependencies.undo_table.find(undo.action);
  if (action == m_dependencies.undo_table.end()) {
    throw Error(ExitCode::remains, fmt::format("this version cannot undo \"{}\"", undo.action));
  }
  action->second(undo.arguments);
}

void Executor::recover(Journal& journal) {
  journal.end_surviving_children();
  if (journal.pending().empty()) return;
  m_changed = false;
  const std::string problems = roll_back(journal, "recovery");
  if (m_taken_over) throw stopped_for(*m_taken_over, m_changed);
  if (journal.pending().empty()) return;
  std::string hint = problems;
  add_paragraph(hint, remaining_commands(journal));
  throw Error(ExitCode::remains, "what an interrupted run created could not be undone", hint);
}

}  // namespace raibid
