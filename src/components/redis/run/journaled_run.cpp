#include "components/redis/run/journaled_run.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/files.hpp"
#include "sys/process.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

JournalHeader journal_header(const Context& context, const std::string& operation, const std::string& subject) {
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  return {operation, subject, ::getpid(), host, rfc3339(context.clock.wall())};
}

std::string new_run_id(Random& random) {
  std::array<std::uint8_t, 8> bytes{};
  random.fill(bytes);
  std::string id;
  for (const std::uint8_t byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

/// Records the children of a run in its journal as long as it lives: after a kill the next run can tell whether one is
/// still at work.
class ChildRecord {
 public:
  ChildRecord(Runner& runner, Journal& journal) : m_runner(runner) {
    runner.observe([&journal](int pid, const Command&) { journal.child(pid); });
  }
  ~ChildRecord() { m_runner.observe({}); }
  ChildRecord(const ChildRecord&) = delete;
  ChildRecord& operator=(const ChildRecord&) = delete;

 private:
  Runner& m_runner;
};

}  // namespace

JournaledRun::JournaledRun(Context& context, What what, Duration undo_time)
    : m_context(context),
      m_header(journal_header(context, what.operation, what.subject)),
      m_key(std::move(what.key)),
      m_folder(std::move(what.folder)),
      m_id(context.guard.dry_run() ? "" : new_run_id(context.random)),
      m_undo_limit(undo_time) {}

TimePoint JournaledRun::undo_until() {
  if (m_undo_limit == Duration::zero()) return m_context.deadline;
  const TimePoint now = m_context.clock.now();
  if (m_undo_deadline == TimePoint{}) m_undo_deadline = now + m_undo_limit;
  return now + (m_undo_deadline - now) / 2;
}

StillOurs JournaledRun::still_ours() {
  return [this](Before what) -> std::optional<Error> {
    if (std::optional<Error> who = m_journal->taken_over()) return who;
    return m_other_lock ? m_other_lock(what) : std::nullopt;
  };
}

void JournaledRun::on_failure(std::function<std::string(const Error&)> keep_evidence, bool keep_on_failure) {
  m_keep_evidence = std::move(keep_evidence);
  m_keep_on_failure = keep_on_failure;
}

std::optional<Journal::Left> JournaledRun::left() const {
  return Journal::left(m_context.paths.journal(), m_key, m_header);
}

bool JournaledRun::open() {
  m_context.files.make_private_directory(m_context.paths.home);
  m_context.files.make_private_directory(m_context.paths.journal());
  m_journal.emplace(Journal::open(m_context.guard, m_context.paths.journal(), m_key, m_header));
  return m_journal->interrupted().has_value();
}

Executor JournaledRun::executor() {
  return Executor({m_context.clock, m_context.signals, m_context.reporter, m_undos, m_keep_evidence, m_keep_on_failure,
                   still_ours(), m_id});
}

void JournaledRun::recover() {
  if (!m_journal->interrupted()) return;
  const JournalHeader& killed = *m_journal->interrupted();
  const std::string what = m_journal->pending().empty() ? "it left nothing to undo" : "undoing what it had begun";
  m_context.reporter.note(fmt::format("{} of {} (pid {} on {}) was interrupted: {}", killed.operation, killed.started,
                                      killed.pid, killed.host, what));
  m_context.files.remove_temporary_files(m_context.paths.home, killed.pid);
  if (!m_folder.empty()) {
    m_context.files.remove_temporary_files(m_folder, killed.pid);
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(m_folder, none))
      if (entry.is_directory(none)) m_context.files.remove_temporary_files(entry.path(), killed.pid);
  }
  executor().recover(*m_journal);
  m_journal->restart(m_header);
  m_undo_deadline = {};
}

void JournaledRun::before(const std::function<void()>& prepare) {
  try {
    prepare();
  } catch (const BaseError& error) {
    const bool remains = error.exit_code() == static_cast<int>(ExitCode::remains);
    const bool needed = m_journal && (m_journal->interrupted() || remains);
    if (m_journal && !needed) m_journal->close();
    throw;
  }
}

Executor::Summary JournaledRun::execute(const Plan& plan) {
  const ChildRecord record(m_context.runner, *m_journal);
  return executor().run(plan, *m_journal);
}

std::string journal_key(const std::string& cluster_uid, const std::string& name_space, const std::string& release) {
  return fmt::format("{}-{}-{}", cluster_uid.empty() ? "local" : cluster_uid, name_space, release);
}

std::string describe_left(const Journal::Left& left) {
  std::string text = fmt::format("{} of {} (pid {} on {}) was interrupted", left.header.operation, left.header.started,
                                 left.header.pid, left.header.host);
  if (left.pending.empty()) return text + "; it left nothing to undo";
  text += ". Undone first:";
  for (auto undo = left.pending.rbegin(); undo != left.pending.rend(); ++undo) text += "\n  - " + undo->command;
  return text;
}

std::string describe_plan(const Plan& plan) {
  std::string text = "Plan:\n";
  int number = 0;
  for (const Step& step : plan) text += fmt::format("  {}. {:<12} {}\n", ++number, step.name, step.intent);
  return text;
}

nlohmann::ordered_json plan_data(const Plan& plan) {
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  for (const Step& step : plan) steps.push_back({{"name", step.name}, {"text", step.intent}});
  return steps;
}

int mention_unfinished(const Context& context) {
  int count = 0;
  for (const JournalHeader& header : Journal::unfinished(context.paths.journal())) {
    context.reporter.warning(fmt::format("{} of {} ({}) was interrupted: the next setup or teardown of it undoes that",
                                         header.operation, header.started, header.subject));
    ++count;
  }
  return count;
}

}  // namespace raibid
