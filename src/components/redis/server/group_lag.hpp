#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tools/redis_client.hpp"

namespace raibid {

/// What Redis knows of the jobs that a group has not been given yet (the group's lag), and what is true. Before
/// Redis 7.4 it forgets the lag at a restart and at a failover, until the group has read to the end; after an XDEL of a
/// job that waits no Redis knows it.
struct GroupLag {
  enum class State { ok, moved, deleted, no_stream, wrong_type, no_group, too_old };
  State state = State::ok;
  std::string last_delivered;       ///< the count began after it
  std::optional<std::int64_t> lag;  ///< what Redis says; none: it does not know
  std::int64_t waiting = 0;         ///< counted
  bool more = false;                ///< there are more than `waiting`
  std::int64_t added = 0;           ///< entries that the stream ever had, when the count ended
  std::string first;                ///< ID of the first entry of the stream, when the count began
  std::string deleted;              ///< ID of the deleted entry because of which Redis cannot know the lag

  /// What was counted is true.
  bool counts() const { return state == State::ok || state == State::deleted || state == State::too_old; }
  /// Redis does not know it, and could be told.
  bool is_lost() const { return state == State::ok && !lag; }
  /// Whether set_group_lag would help.
  bool is_wrong() const { return state == State::ok && !more && lag != waiting; }
};

/// One slice of a few milliseconds: `more` says that it did not suffice. The state is `no_group` also where this user
/// may not ask.
GroupLag look_at_group_lag(RedisConnection& redis, const std::string& stream, const std::string& group);

/// Counts to the end, one script for each slice; `between` is called after each and may throw. `moved`: the group read
/// on meanwhile, and Redis knows its lag. Throws Error (failure).
GroupLag count_group_lag(RedisConnection& redis, const std::string& stream, const std::string& group,
                         const std::function<void()>& between);

/// Tells Redis (XGROUP SETID … ENTRIESREAD), in one script. Returns the lag that Redis has then; std::nullopt, and
/// nothing is changed, when entries that were counted have gone since. Throws Error (failure).
std::optional<std::int64_t> set_group_lag(RedisConnection& redis, const std::string& stream, const std::string& group,
                                          const GroupLag& seen);

}  // namespace raibid
