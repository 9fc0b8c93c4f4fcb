#include "plan/executor.hpp"

#include "base/error.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
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
  const bool keeps = error.signal() != 0 || error.code() == ExitCode::usage || error.code() == ExitCode::preflight;
  return keeps ? error.code() : ExitCode::failure;
}

}  // namespace

Executor::Summary Executor::run(const Plan& plan, Journal& journal) {
  Summary summary;
  try {
    for (const Step& step : plan) {
      if (run_step(step, journal).outcome == Outcome::changed) summary.changed = true;
    }
  } catch (const Error& error) {
    fail(error, journal);
  } catch (const std::exception& error) {
    fail(Error(ExitCode::failure, error.what()), journal);  // a bug of ours leaves nothing behind either
  }
  journal.close();
  return summary;
}

StepResult Executor::run_step(const Step& step, Journal& journal) {
  Reporter& reporter = m_dependencies.reporter;
  m_dependencies.signals.check();
  const Stopwatch watch(m_dependencies.clock);
  reporter.step_started(step.name);
  const std::size_t recorded = journal.pending().size();
  try {
    if (step.undo) {
      for (const Undo& undo : step.undo()) journal.record(undo);
    }
    StepResult result = step.act();
    const Mark mark = result.outcome == Outcome::changed ? Mark::done : Mark::unchanged;
    reporter.step_ended(step.name, mark, result.detail, watch.elapsed());
    return result;
  } catch (const Error& error) {
    reporter.step_ended(step.name, Mark::failed, error.message(), watch.elapsed());
    while (error.has_made_nothing() && journal.pending().size() > recorded)
      journal.undone(journal.pending().size() - 1);
    throw;
  } catch (const std::exception& error) {
    reporter.step_ended(step.name, Mark::failed, error.what(), watch.elapsed());
    throw;
  }
}

void Executor::fail(Error error, Journal& journal) {
  m_dependencies.signals.acknowledge();
  if (journal.pending().empty()) {
    close_quietly(journal);
    throw error.with_code(code_when_nothing_changed(error));
  }
  std::string hint = error.hint();
  add_paragraph(hint, evidence_of(error));
  if (m_dependencies.keep_on_failure) {
    add_paragraph(hint, remaining_commands(journal));
    throw error.with_code(ExitCode::remains).with_hint(hint);
  }
  const std::string problems = roll_back(journal, "rollback");
  if (journal.pending().empty()) {
    close_quietly(journal);
    throw error.with_code(error.signal() != 0 ? error.code() : ExitCode::rolled_back).with_hint(hint);
  }
  add_paragraph(hint, problems);
  add_paragraph(hint, remaining_commands(journal));
  throw error.with_code(ExitCode::remains).with_hint(hint);
}

std::string Executor::evidence_of(const Error& error) {
  if (!m_dependencies.keep_evidence) return {};
  try {
    const std::string where = m_dependencies.keep_evidence(error);
    return where.empty() ? "" : "what explains it was kept in " + where;
  } catch (const std::exception& problem) {
    return fmt::format("what explains it could not be kept: {}", problem.what());
  }
}

/// Undoes everything pending, newest first, and keeps going when one fails; a signal ends it. Returns what went wrong.
std::string Executor::roll_back(Journal& journal, const std::string& name) {
  Reporter& reporter = m_dependencies.reporter;
  const Stopwatch watch(m_dependencies.clock);
  const std::size_t total = journal.pending().size();
  std::string problems;
  reporter.step_started(name);
  for (std::size_t index = total; index-- > 0;) {
    const Undo entry = journal.pending()[index];
    try {
      m_dependencies.signals.check();
      reporter.step_progress(name, entry.command);
      undo(entry);
      journal.undone(index);
    } catch (const Error& error) {
      add_paragraph(problems, error.signal() != 0 ? name + " stopped: " + error.message() : error.message());
      if (error.signal() != 0) break;
    } catch (const std::exception& error) {
      add_paragraph(problems, error.what());
    }
  }
  const std::size_t left = journal.pending().size();
  reporter.step_ended(name, left == 0 ? Mark::done : Mark::failed,
                      left == 0 ? fmt::format("{} undone", total) : fmt::format("{} of {} undone", total - left, total),
                      watch.elapsed());
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
  const std::string problems = roll_back(journal, "recovery");
  if (journal.pending().empty()) return;
  std::string hint = problems;
  add_paragraph(hint, remaining_commands(journal));
  throw Error(ExitCode::remains, "what an interrupted run made could not be taken back", hint);
}

}  // namespace raibid
