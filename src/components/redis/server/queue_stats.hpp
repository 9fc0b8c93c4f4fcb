#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/preset.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// A stream past this part of its max-length is nearly full: `queue top` shows it in the colour of a warning.
inline constexpr double nearly_full = 0.9;
/// Past this part trimming has failed to keep it: `status` is unhealthy. (XADD's own trim keeps whole nodes, so some
/// entries more than the limit are usual.)
inline constexpr double overfull = 1.1;

struct ConsumerFacts {
  std::string name;
  std::int64_t pending = 0;
  Duration idle{0};  ///< since it last asked for jobs
};

struct OldestPending {
  std::string id;
  std::string consumer;
  Duration idle{0};  ///< since it was delivered last
  std::int64_t deliveries = 0;
};

struct GroupFacts {
  std::string name;
  std::int64_t pending = 0;
  std::string last_delivered;
  std::optional<std::int64_t> lag;  ///< not known after some deletions, and before Redis 7
  std::int64_t counted = 0;         ///< waiting, counted where the lag is not known
  bool counted_more = false;        ///< there are more than `counted`
  std::optional<OldestPending> oldest;
  std::vector<ConsumerFacts> consumers;

  /// Waiting jobs: the lag, else what was counted.
  std::int64_t waiting() const { return lag.value_or(counted); }
};

/// An Asynq queue as one look sees it: how many tasks are in each state, in Asynq's words.
struct AsynqFacts {
  std::int64_t pending = 0, active = 0, scheduled = 0, retry = 0, archived = 0, completed = 0, aggregating = 0;
  std::int64_t expired_leases = 0;         ///< of the active ones: their worker is dead, or stalls
  std::optional<Duration> oldest_pending;  ///< how long the next task has been waiting, where Redis knows it
  std::int64_t processed_today = 0, failed_today = 0;  ///< attempts; the day is that of UTC
  std::int64_t processed = 0, failed = 0;              ///< ever
  std::optional<double> processed_per_second;          ///< between two looks
};

/// A queue as one look sees it.
struct QueueFacts {
  std::string stream;  ///< its name
  std::string kind;    ///< "stream", "asynq", "none", or what else the key holds
  std::int64_t length = 0;
  std::int64_t limit = 0;             ///< the preset's; 0: none
  std::optional<std::int64_t> added;  ///< ever; Redis 7 and newer
  std::string last_id, first_id;
  std::vector<GroupFacts> groups;
  std::int64_t dead = 0;
  std::int64_t dead_recent = 0;  ///< of the last hour
  bool dead_recent_more = false;
  std::string paused;                      ///< "" when it is not
  std::optional<double> added_per_second;  ///< between two looks
  std::optional<AsynqFacts> asynq;         ///< of an Asynq queue; `length` and `dead` are set too
};

/// One look at each of `streams`: two pipelines whatever their number and length. `now_ms` is the server's idea of now
/// as ours: what is recent is seen from there. Throws Error (failure).
std::vector<QueueFacts> read_queue_facts(RedisConnection& redis, const std::vector<std::string>& streams,
                                         std::int64_t now_ms);

/// A line for each limit that is passed; empty when none is. A job's age counts from when it was added.
std::vector<std::string> passed_limits(const QueueFacts& facts, const QueueLimits& limits, std::int64_t now_ms);

/// Since an ID was made, by its milliseconds; 0 for one of the future.
Duration age_of(const std::string& id, std::int64_t now_ms);

}  // namespace raibid
