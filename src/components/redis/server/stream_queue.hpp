#pragma once

#include <map>

#include "components/redis/server/job_queue.hpp"

namespace raibid {

/// A queue that is a stream with a consumer group. `group` may be "": then all of its jobs are waiting.
class StreamQueue final : public JobQueue {
 public:
  /// `now_ms`: milliseconds since 1970, for what "recent" means.
  StreamQueue(RedisConnection& redis, std::string stream, std::string group, std::int64_t now_ms)
      : m_redis(redis), m_stream(std::move(stream)), m_group(std::move(group)), m_now_ms(now_ms) {}

  QueueFacts facts() override;
  void scan(const JobFilter& filter, const std::function<bool(const JobView&)>& take) override;
  std::vector<JobView> find(const std::vector<std::string>& ids) override;
  std::vector<JobOutcome> retry(const std::vector<std::string>& ids) override;
  std::vector<JobOutcome> claim(const std::vector<std::string>& ids, const std::string& consumer,
                                Duration idle) override;
  std::vector<JobOutcome> remove(const std::vector<std::string>& ids) override;
  std::vector<JobOutcome> requeue(const std::vector<std::string>& dead_ids) override;
  std::vector<JobOutcome> drop_dead(const std::vector<std::string>& dead_ids) override;
  void pause(const std::string& note) override;
  bool resume() override;

 private:
  struct Pending {
    std::string consumer;
    Duration idle{0};
    std::int64_t deliveries = 0;
  };
  using PendingMap = std::map<StreamId, Pending>;

  std::optional<StreamId> last_delivered();
  PendingMap pending_between(const std::string& from, const std::string& to, std::size_t most);
  void scan_pending(const JobFilter& filter, const std::function<bool(const JobView&)>& take);
  void scan_dead(const JobFilter& filter, const std::function<bool(const JobView&)>& take);
  void scan_stream(const JobFilter& filter, const std::function<bool(const JobView&)>& take);
  void classify(std::vector<JobView>& views, const std::optional<StreamId>& delivered);
  std::vector<JobOutcome> outcomes(const std::string& script, const std::vector<std::string>& keys,
                                   std::vector<std::string> arguments, const std::vector<std::string>& ids);

  RedisConnection& m_redis;
  std::string m_stream;
  std::string m_group;
  std::int64_t m_now_ms;
};

/// A dead letter as the job that it was.
JobView dead_job(StreamEntry&& letter);

}  // namespace raibid
