#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/change_guard.hpp"
#include "base/error.hpp"
#include "plan/step.hpp"
#include "sys/files.hpp"
#include "sys/locked_log.hpp"

namespace raibid {

/// Who wrote a journal.
struct JournalHeader {
  std::string operation;  ///< "setup redis"
  std::string subject;    ///< cluster, namespace and release, for people
  int pid = 0;
  std::string host;
  std::string started;  ///< RFC 3339
};

/// The record of one run: a header, then every Undo before its act (fsynced), one JSON object a line. While it is
/// open it is locked, so it is also what keeps two runs for the same cluster, namespace and release apart. A file that
/// is there when nobody holds the lock is what a killed run left. A last line without its end is a kill in the middle
/// of a write and counts as not written; anything else that cannot be read is Error (preflight) naming the file, which
/// stays.
class Journal {
 public:
  /// Opens (or makes) the journal of `key` in `folder`. Throws Error (preflight) when another process works under it,
  /// the file cannot be written, or it is damaged. In a dry run it throws, see ChangeGuard: so there is none, and
  /// nothing is done or undone without one.
  static Journal open(const ChangeGuard& guard, const std::filesystem::path& folder, const std::string& key,
                      const JournalHeader& header);

  /// What a killed run left in a journal.
  struct Left {
    JournalHeader header;
    std::vector<Undo> pending;  ///< oldest first
  };
  /// What `open` would find of a killed run, and its errors; makes and changes nothing.
  static std::optional<Left> left(const std::filesystem::path& folder, const std::string& key,
                                  const JournalHeader& header);

  /// Journals in `folder` that a killed run left and nobody works under now. Of a damaged one the
  /// subject says what is wrong, with its path.
  static std::vector<JournalHeader> unfinished(const std::filesystem::path& folder);

  /// The header of the run that was killed, when this journal was not empty.
  const std::optional<JournalHeader>& interrupted() const { return m_interrupted; }

  /// What is recorded and not yet undone, oldest first.
  const std::vector<Undo>& pending() const { return m_pending; }

  /// Who has taken the journal over: its file was removed, or replaced by another run's. std::nullopt while it is ours.
  std::optional<Error> taken_over() const;

  void record(const Undo& undo);
  /// Entry `index` of `pending` has been undone, and leaves it. Not always the newest: an undo that fails does not keep
  /// the older ones from being undone. When the disk is full it is not written down: every undo can run twice.
  void undone(std::size_t index);
  /// A child is about to run: its pid and, for telling it from a later process of that number, its start time and boot.
  /// Not written down when the disk is full: undoing needs children, and they die with us.
  void child(int pid);

  /// Children of the interrupted run that are still there (same pid, same start time).
  std::vector<int> surviving_children() const;
  /// Ends them, with all of their process groups. Throws Error (remains) when one does not go.
  void end_surviving_children();

  /// Everything is complete (or undone): the file goes, unless another has taken its name.
  void close();
  /// Starts again after a recovery: what was recorded before is forgotten.
  void restart(const JournalHeader& header);

 private:
  Journal(LockedLog log, std::filesystem::path path) : m_log(std::move(log)), m_path(std::move(path)) {}
  void load();
  void read_line(const std::string& line);
  void append(const nlohmann::json& entry, bool sync = true);
  void begin(const JournalHeader& header);
  void write_header(const JournalHeader& header);

  LockedLog m_log;
  std::filesystem::path m_path;  ///< for messages
  std::string m_subject;         ///< of the header that it was opened with
  std::optional<JournalHeader> m_interrupted;
  std::vector<Undo> m_pending;
  std::map<int, std::string> m_children;  ///< of the interrupted run: pid → process_identity
};

}  // namespace raibid
