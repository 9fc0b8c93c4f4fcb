#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/preset.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

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

/// A queue as one look sees it.
struct QueueFacts {
  std::string stream;
  std::string kind;  ///< "stream", "none", or what else the key holds
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
};

/// One look at each of `streams`: two pipelines whatever their number and length. `now_ms` is the server's idea of now
/// as ours: what is recent is seen from there. Throws Error (failure).
std::vector<QueueFacts> read_queue_facts(RedisConnection& redis, const std::vector<std::string>& streams,
                                         std::int64_t now_ms);

/// A line for each limit that is passed; empty when all hold. A job's age counts from when it was added.
std::vector<std::string> passed_limits(const QueueFacts& facts, const QueueLimits& limits, std::int64_t now_ms);

/// Since an ID was made, by its milliseconds; 0 for one of the future.
Duration age_of(const std::string& id, std::int64_t now_ms);

}  // namespace raibid
