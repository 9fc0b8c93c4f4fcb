#pragma once

#include "components/redis/server/job_queue.hpp"

namespace raibid {

/// The Asynq queues of a server, by name: those that the library's Inspector lists. Throws Error (failure).
std::vector<std::string> asynq_queue_names(RedisConnection& redis);

/// One look at each Asynq queue of `names`: two pipelines whatever their number and length. `kind` is "none" for one
/// that is not there. Throws Error (failure).
std::vector<QueueFacts> read_asynq_facts(RedisConnection& redis, const std::vector<std::string>& names,
                                         std::int64_t now_ms);

/// Enqueues the task, with the queue's name for the library's Inspector. False when there is one of that ID already.
/// Throws Error (failure).
bool enqueue_asynq_task(RedisConnection& redis, const AsynqMessage& message);

/// A queue of the Go library Asynq (v0.24 to v0.26, keys asynq:{NAME}:…): it does what the library's Inspector does,
/// each change in one atomic script. IDs are those of tasks; the fields of a job are `type`, `payload` and
/// `header.NAME`.
class AsynqJobQueue final : public JobQueue {
 public:
  AsynqJobQueue(RedisConnection& redis, std::string name, std::int64_t now_ms)
      : m_redis(redis), m_name(std::move(name)), m_prefix("asynq:{" + m_name + "}:"), m_now_ms(now_ms) {}

  QueueFacts facts() override;
  /// Every state when the filter names none: active, pending, retry, scheduled, aggregating, archived, completed. The
  /// next one to be worked on first. Ranges and `newest` of the filter do not count here.
  void scan(const JobFilter& filter, const std::function<bool(const JobView&)>& take) override;
  std::vector<JobView> find(const std::vector<std::string>& ids) override;

  /// Scheduled, retry, archived and aggregating tasks become pending now, as Inspector.RunTask does it.
  std::vector<JobOutcome> retry(const std::vector<std::string>& ids) override;
  /// Throws Error (usage): a worker cannot be given a task.
  std::vector<JobOutcome> claim(const std::vector<std::string>& ids, const std::string& consumer,
                                Duration idle) override;
  /// Deletes tasks and their locks of uniqueness, as Inspector.DeleteTask does it; never an active one.
  std::vector<JobOutcome> remove(const std::vector<std::string>& ids) override;
  /// As retry and remove, but only archived tasks.
  std::vector<JobOutcome> requeue(const std::vector<std::string>& dead_ids) override;
  std::vector<JobOutcome> drop_dead(const std::vector<std::string>& dead_ids) override;

  /// Sets the library's own key, whose value is a time: `note` is not kept. A queue that is paused stays as it is.
  void pause(const std::string& note) override;
  bool resume() override;

 private:
  using Take = std::function<bool(const JobView&)>;
  bool scan_list(JobState state, const JobFilter& filter, const Take& take);
  bool scan_set(JobState state, const std::string& set, const JobFilter& filter, const Take& take);
  bool scan_groups(const JobFilter& filter, const Take& take);
  RedisReply read(const std::vector<std::string>& arguments);
  std::vector<JobOutcome> outcomes(const char* script, const char* wanted, const std::vector<std::string>& ids);

  RedisConnection& m_redis;
  std::string m_name, m_prefix;
  std::int64_t m_now_ms;
};

}  // namespace raibid
