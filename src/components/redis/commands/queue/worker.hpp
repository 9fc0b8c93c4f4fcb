#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/script.hpp"
#include "sys/process.hpp"

namespace raibid {

struct WorkerPlan {
  std::vector<std::string> command;
  std::string consumer;
  std::size_t concurrency = 1;
  bool batch = false;           ///< the command lives on: a line for each job, and a line back
  bool until_empty = false;     ///< end when nothing is waiting for it, nor to be tried again
  std::int64_t deliveries = 3;  ///< after so many a job that fails is dead
  Duration backoff{1000};       ///< before the second; doubles, up to a minute
  Duration claim_after{60000};  ///< jobs that another consumer has not touched for so long are taken over
  Duration job_timeout{0};      ///< 0: none
};

struct WorkerResult {
  std::int64_t done = 0;
  std::int64_t failed = 0;      ///< attempts
  std::int64_t dead = 0;        ///< jobs
  std::int64_t taken_over = 0;  ///< done here, and by then another consumer's: done twice, or soon
  std::int64_t given_back = 0;
};

/// Takes jobs of a group and hands each to a command. A job is acknowledged after its command has succeeded, and never
/// before: whatever ends in between, someone gets it again. One thread; Redis and the commands are looked after in
/// turn.
class Worker {
 public:
  Worker(QueueSession& session, WorkerPlan plan);

  /// Until a signal, or the queue is empty. The first signal lets the running jobs finish, the second gives them back.
  /// Throws Error (preflight) when the command cannot be started.
  WorkerResult run();
  /// The second signal, which ended it before its jobs were done; 0 when none did.
  int abandoned_by() const { return m_abandoned_by; }

 private:
  static constexpr Duration between_complaints = std::chrono::seconds(1);

  struct Job {
    StreamEntry entry;
    std::int64_t attempt = 1;
  };
  /// A command that runs: one job, or with --batch those that it has not answered yet.
  struct Slot {
    std::unique_ptr<Process> process;
    std::deque<Job> jobs;
    TimePoint until;      ///< the first of them has to be done
    bool closed = false;  ///< its input has ended
  };
  struct Later {
    Job job;
    TimePoint due;
  };

  bool ended() const;
  void talk_to_redis();
  void exchange();
  void take_over();
  void keep_alive();
  void keep_limit();
  void trim_at_end();
  void recover();
  void bury_failed();
  void take_entries(std::vector<StreamEntry>&& entries, bool is_new);
  bool holds(const std::string& id) const;
  bool holds_any() const;
  std::vector<std::string> held_ids() const;

  std::size_t room() const;
  void start_jobs();
  void start(Job&& job);
  void give_to_batch(Job&& job);
  void close_inputs();
  void wait();
  void look_after_slots();
  void look_after_batch(Slot& slot);
  void take_end(Slot& slot, bool late);
  void end_commands();
  void print_output(Slot& slot);
  void job_done(const Job& job);
  void job_failed(Job&& job, const std::string& reason);
  void on_signal(int signal);
  void give_back();
  void complain(const std::string& what);
  void complain(const Error& error);

  QueueSession& m_session;
  Context& m_context;
  WorkerPlan m_plan;
  WorkerResult m_result;
  Script m_bury, m_keep;
  std::string m_group;
  std::deque<Job> m_ready;     ///< to be started now
  std::vector<Later> m_later;  ///< to be tried again
  std::vector<Slot> m_slots;
  std::vector<std::string> m_acks;                                     ///< done, and Redis does not know yet
  std::vector<std::pair<std::string, std::string>> m_failed_for_good;  ///< ID and reason, and Redis does not know yet
  std::string m_claim_cursor = "0-0";
  TimePoint m_next_read, m_next_claim, m_next_keep, m_next_pause_check, m_next_redis, m_next_trim;
  bool m_trim_refused = false;     ///< and that was said
  std::optional<Error> m_refusal;  ///< why --until-empty ends once nothing is held any more
  bool m_paused = false;
  bool m_empty = false;      ///< the last look found nothing
  bool m_recovered = false;  ///< what Redis says is this consumer's is known
  bool m_stopping = false;
  int m_abandoned_by = 0;
  std::string m_complaint;
};

/// The environment that a job's command gets, and its standard input: the field payload, else job, else all fields as
/// JSON. Fields that no variable can hold are named in JOB_OMITTED.
struct JobInput {
  std::vector<std::pair<std::string, std::string>> environment;
  std::string input;
};
JobInput job_input(const StreamEntry& job, const std::string& stream, std::int64_t attempt);

}  // namespace raibid
