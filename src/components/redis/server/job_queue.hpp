#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components/redis/server/asynq_message.hpp"
#include "components/redis/server/queue_stats.hpp"
#include "components/redis/server/stream_entry.hpp"

namespace raibid {

/// The states of a job of a stream, then those of a task of Asynq. `pending` is a word of both: a consumer has the job
/// of a stream, and a task of Asynq waits for a worker.
enum class JobState { waiting, pending, dead, done, active, scheduled, retry, archived, completed, aggregating };
std::string_view state_name(JobState state);
std::optional<JobState> parse_job_state(std::string_view name);

/// A job with what is known of it.
struct JobView {
  StreamEntry job;
  JobState state = JobState::waiting;
  std::string consumer;  ///< of a pending job, and of a dead one the last that had it
  Duration idle{0};      ///< of a pending job: since it was delivered last
  std::int64_t deliveries = 0;
  std::string reason;                  ///< why it is dead
  std::string origin;                  ///< ID that a dead job had
  bool deleted = false;                ///< pending, but its entry is gone
  std::optional<AsynqTaskFacts> task;  ///< of a task of Asynq: the rest of what is known
};

/// Which jobs: all conditions hold.
struct JobFilter {
  std::string from = "-", to = "+";  ///< IDs, both included
  std::optional<JobState> state;     ///< unset: all that the stream holds; the dead are elsewhere
  std::vector<std::pair<std::string, std::string>> fields;
  std::string text;     ///< a part of some value
  bool newest = false;  ///< from the end (not for pending jobs)
};

/// What became of a job that something was to be done with.
struct JobOutcome {
  std::string id;
  std::string result;  ///< a new ID, or why not
  bool ok = false;
};

/// What the commands `queue …` need of a queue, whatever keys it consists of: streams (stream_queue.hpp) or
/// Asynq's (asynq_queue.hpp). All throw Error (failure) with Redis' own words.
class JobQueue {
 public:
  virtual ~JobQueue() = default;

  virtual QueueFacts facts() = 0;
  /// Hands each matching job to `take` until that says false.
  virtual void scan(const JobFilter& filter, const std::function<bool(const JobView&)>& take) = 0;
  /// Those that are there, dead or alive: a dead job's ID may be a living one's too.
  virtual std::vector<JobView> find(const std::vector<std::string>& ids) = 0;

  /// Pending jobs become new jobs at the end.
  virtual std::vector<JobOutcome> retry(const std::vector<std::string>& ids) = 0;
  /// Pending jobs that have been idle for `idle` go over to `consumer`.
  virtual std::vector<JobOutcome> claim(const std::vector<std::string>& ids, const std::string& consumer,
                                        Duration idle) = 0;
  /// Removes waiting, pending and done jobs.
  virtual std::vector<JobOutcome> remove(const std::vector<std::string>& ids) = 0;
  /// Dead jobs become new jobs.
  virtual std::vector<JobOutcome> requeue(const std::vector<std::string>& dead_ids) = 0;
  virtual std::vector<JobOutcome> drop_dead(const std::vector<std::string>& dead_ids) = 0;

  virtual void pause(const std::string& note) = 0;
  /// False when it was not paused.
  virtual bool resume() = 0;
};

}  // namespace raibid
