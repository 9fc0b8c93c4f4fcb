#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "components/redis/server/job_lines.hpp"
#include "components/redis/server/script.hpp"
#include "sys/line_reader.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

class Signals;

/// How far an upload has come, as Redis remembers it.
struct UploadRecord {
  struct Lines {
    std::int64_t first = 0, last = 0;
  };
  std::int64_t line = 0;      ///< all lines up to this one were added
  std::string digest;         ///< of the input up to there; "" when not known
  std::vector<Lines> beyond;  ///< added too: Redis refused a transaction before them
  std::string token;          ///< of the run that wrote it
  bool transactions = false;  ///< that run used them
  bool ended = false;

  bool has(std::int64_t number) const;
};

/// std::nullopt when there is none. Throws Error (failure).
std::optional<UploadRecord> read_upload(RedisConnection& redis, const std::string& key);

struct UploadPlan {
  std::string stream;
  std::string record;      ///< key of the record
  std::string token;       ///< of this run
  std::int64_t limit = 0;  ///< of the stream; what is done is trimmed away above it
  std::vector<std::string> forms;
  bool exported = false;      ///< lines of an export rather than jobs
  bool keep_ids = false;      ///< of the export
  bool skip_invalid = false;  ///< go on after a line that is not a job
  bool dry_run = false;       ///< only read the lines
  UploadRecord after;         ///< what is there already
  bool resumes = false;       ///< `after` is read again once no earlier run can add anything more
};

struct UploadResult {
  std::int64_t added = 0;    ///< acknowledged by Redis
  std::int64_t skipped = 0;  ///< lines that had been added before
  std::int64_t refused = 0;  ///< lines that are no job
  std::int64_t line = 0;     ///< the last one that was added, now or before
  std::int64_t length = 0;   ///< of the stream
  std::int64_t trimmed = 0;
  std::string last_id;
  std::string first_refusal;  ///< "line 3: …"
  int signal = 0;             ///< what ended it early
};

/// Adds the jobs of an input: some of them and the move of the record are one atomic step, so nothing is added twice,
/// and what the record says is there.
///
/// The step is a transaction of plain XADDs, which costs the server little more than the XADDs alone. A transaction
/// cannot ask whose turn it is; so a run first ends the connection of the run that the record names. Where that cannot
/// be done (no right to CLIENT KILL), or where the IDs are given, the step is a script, which asks (about half as
/// fast).
class Upload final : public RedisFeed {
 public:
  /// `progress` hears now and then.
  Upload(UploadPlan plan, LineReader& input, const Signals& signals, std::function<void(const UploadResult&)> progress);

  /// Runs to the end of the input, a signal, or the first failure, which is thrown as Error; `result` says meanwhile
  /// and afterwards what was acknowledged.
  void run(RedisConnection& redis);
  const UploadResult& result() const { return m_result; }

  Filled fill(std::string& out) override;
  int wait_fd() const override { return m_input.fd(); }
  void answer(RedisReply reply) override;

 private:
  struct Line {
    std::int64_t line = 0;
    std::string number;
    std::string words;
    std::uint64_t digest = 0;  ///< of the input up to its end
    StreamEntry job;
  };
  /// Jobs on their way, or a trim (then without lines), and how many replies are still to come.
  struct Batch {
    std::vector<std::int64_t> lines;
    std::size_t replies = 1;
    RedisReply refusal;  ///< the first error while a transaction was put together
  };
  enum class Took { job, nothing, later, end };

  Took take_line();
  bool take_job(std::string_view line);
  void check_beginning() const;
  void begin(RedisConnection& redis);
  bool end_earlier_run(RedisConnection& redis, const std::optional<UploadRecord>& before, bool named) const;
  std::size_t append_batch(std::string& out);
  std::size_t append_transaction(std::string& out, const std::string& digest);
  std::size_t append_trim(std::string& out);
  bool over_limit() const;
  bool take_trim(const RedisReply& reply);
  void take_answer(const RedisReply& reply, const Batch& batch);
  void take_transaction(const RedisReply& reply, const Batch& batch);
  void take_added(std::int64_t line, std::int64_t jobs, std::int64_t length);

  UploadPlan m_plan;
  LineReader& m_input;
  const Signals& m_signals;
  std::function<void(const UploadResult&)> m_progress;
  Script m_script;
  bool m_keeps_scripts = true;  ///< else its text goes with each call
  bool m_transactions = false;
  std::string m_mark;  ///< the script at the end of each transaction
  std::string m_trim;  ///< the script that keeps the limit meanwhile
  bool m_trimming = false;
  JobForms m_forms;
  UploadResult m_result;
  std::vector<Line> m_batch;
  std::size_t m_jobs = 0;   ///< of m_batch that are used
  std::size_t m_bytes = 0;  ///< of them
  std::string m_previous;   ///< line of the job that was sent last
  std::int64_t m_number = 0;
  std::uint64_t m_digest = 0xcbf29ce484222325ULL;
  std::deque<Batch> m_sent;
  bool m_ended = false;
  bool m_refused = false;  ///< by Redis: what follows does not follow on the record, and is refused too
  std::exception_ptr m_failure;
};

/// The digest that names an input by its beginning: of `text`, in hexadecimal.
std::string upload_name(std::string_view text);

}  // namespace raibid
