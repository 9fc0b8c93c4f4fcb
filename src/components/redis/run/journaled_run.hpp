#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "components/context.hpp"
#include "plan/executor.hpp"

namespace raibid {

/// How long undoing may take after the deadline of the run; on a slow cluster longer, see ClusterPace.
inline constexpr Duration undo_limit = std::chrono::seconds(60);

/// One run that changes something, wherever it does: the journal and its lock, what a killed run left, the plan, the
/// evidence of a failure and the undo. A run goes open → (recover) → execute, or open → (recover) → close when it
/// executes no plan.
class JournaledRun {
 public:
  struct What {
    std::string operation;           ///< "setup redis"
    std::string subject;             ///< cluster, namespace and release, for people
    std::string key;                 ///< names the journal: journal_key
    std::filesystem::path folder{};  ///< where, and in whose folders, the run writes files beside the home, or ""
  };

  /// `undo_time`: how long undoing may take after the run's own deadline, see undo_limit; zero when it shares that
  /// deadline.
  JournaledRun(Context& context, What what, Duration undo_time);

  /// 16 hexadecimal digits, made up at the start. Everything that the run makes in a cluster is stamped with it.
  const std::string& id() const { return m_id; }
  /// What the undos do; filled before `open`.
  UndoTable& undos() { return m_undos; }
  /// Until when one undo may take: half of the time that is left, so that one that hangs leaves time for the others.
  TimePoint undo_until();

  /// A lock beside the journal's, asked before each act and each undo.
  void also_hold(StillOurs lock) { m_other_lock = std::move(lock); }
  /// Whether every lock of the run is still ours.
  StillOurs still_ours();
  /// See ExecutorDependencies.
  void on_failure(std::function<std::string(const Error&)> keep_evidence, bool keep_on_failure);

  /// What a killed run left that this one would undo first; looked at, and left as it is. Throws as `open`.
  std::optional<Journal::Left> left() const;

  /// Takes the journal. True when a killed run left something: then `recover` comes next. Throws Error (preflight)
  /// when another run works on the same.
  bool open();
  /// Undoes first what the killed run left, and says so. Throws Error (remains) when that is not possible.
  void recover();
  /// Runs `prepare`, which must change nothing. When it throws, the journal goes, unless what a killed run left in it
  /// is still to be undone or something remains.
  void before(const std::function<void()>& prepare);
  /// Throws as Executor::run. The children of the run are recorded meanwhile.
  Executor::Summary execute(const Plan& plan);
  /// Nothing is left to undo: the journal goes.
  void close() { m_journal->close(); }

 private:
  Executor executor();

  Context& m_context;
  JournalHeader m_header;
  std::string m_key;
  std::filesystem::path m_folder;
  std::string m_id;
  Duration m_undo_limit;
  TimePoint m_undo_deadline{};
  UndoTable m_undos;
  StillOurs m_other_lock;
  std::function<std::string(const Error&)> m_keep_evidence;
  bool m_keep_on_failure = false;
  std::optional<Journal> m_journal;
};

/// The journal's name: one for each cluster (its uid; "" for this machine), namespace and release.
std::string journal_key(const std::string& cluster_uid, const std::string& name_space, const std::string& release);

/// What a killed run left, in words: who, when, and the commands that would undo it, newest first.
std::string describe_left(const Journal::Left& left);

/// The plan of a --dry-run: what would be done.
std::string describe_plan(const Plan& plan);
/// The same as a list of {name, text}.
nlohmann::ordered_json plan_data(const Plan& plan);

/// One line for each run that was killed and not undone yet; the number of them.
int mention_unfinished(const Context& context);

}  // namespace raibid
