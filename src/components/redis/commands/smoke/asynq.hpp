#pragma once

#include <optional>
#include <string>

#include "tools/redis_client.hpp"

namespace raibid {

/// A task as Asynq keeps it: what of its TaskMessage (asynq.proto of github.com/hibiken/asynq) matters here.
struct AsynqTask {
  std::string type, payload, id, queue;
  int retry = 0;    ///< how often it may be tried again
  int retried = 0;  ///< how often it was
  std::string error;
  std::int64_t last_failed_at = 0;  ///< Unix time
  int timeout = 1800;               ///< seconds; Asynq's own default
};

/// The bytes of the message, by the wire format of Protocol Buffers.
std::string encode(const AsynqTask& task);

/// One queue in Asynq's key layout (v0.24 to v0.26): lists pending and active, sorted sets lease, retry and archived, a
/// hash for each task, counters. The changes are made by scripts, as the library makes its own. Everything throws Error
/// as `checked`.
class AsynqQueue {
 public:
  explicit AsynqQueue(const std::string& name) : m_name(name), m_prefix("asynq:{" + name + "}:") {}

  const std::string& name() const { return m_name; }
  std::string key(const std::string& part) const { return m_prefix + part; }
  std::string task_key(const std::string& id) const { return key("t:" + id); }

  /// Into the set that the Inspector lists.
  void announce(RedisConnection& redis) const;
  /// False when a task of that id is there already. `now` in nanoseconds of Unix time.
  bool enqueue(RedisConnection& redis, const AsynqTask& task, std::int64_t now) const;
  /// The command that takes the oldest pending task with a lease until then (Unix time) and answers its message, or
  /// nil.
  std::vector<std::string> dequeue_command(std::int64_t lease_until) const;
  /// False when the task is not active (any more).
  bool done(RedisConnection& redis, const std::string& id, const std::string& day) const;
  /// From active to retry (due at that Unix time) or to the archive, with the message as it is by then.
  bool retry_at(RedisConnection& redis, const AsynqTask& task, std::int64_t due, const std::string& day) const;
  bool archive(RedisConnection& redis, const AsynqTask& task, std::int64_t died, const std::string& day) const;
  /// Moves what is due from retry to pending; how many.
  std::int64_t forward(RedisConnection& redis, std::int64_t now) const;
  /// Active tasks whose lease is over: their worker is dead.
  std::vector<std::string> expired_leases(RedisConnection& redis, std::int64_t now) const;

  std::string state(RedisConnection& redis, const std::string& id) const;
  std::int64_t count(RedisConnection& redis, const std::string& part) const;

 private:
  bool fail(RedisConnection& redis, const AsynqTask& task, const char* state, std::int64_t score,
            const std::string& day) const;

  std::string m_name, m_prefix;
};

}  // namespace raibid
