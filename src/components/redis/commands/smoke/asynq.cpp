#include "components/redis/commands/smoke/asynq.hpp"

#include <algorithm>

#include "components/redis/commands/smoke/operation.hpp"
#include "components/redis/server/asynq_message.hpp"

namespace raibid {

namespace {

constexpr std::int64_t seconds_of_statistics = 90 * 24 * 3600;

// KEYS: task, pending. ARGV: message, id, now
constexpr const char* enqueue_script = R"(
if redis.call('EXISTS', KEYS[1]) > 0 then return 0 end
redis.call('HSET', KEYS[1], 'msg', ARGV[1], 'state', 'pending', 'pending_since', ARGV[3])
return redis.call('LPUSH', KEYS[2], ARGV[2]))";

// KEYS: pending, active, lease, paused. ARGV: lease until, prefix of tasks
constexpr const char* dequeue_script = R"(
if redis.call('EXISTS', KEYS[4]) > 0 then return false end
local id = redis.call('RPOPLPUSH', KEYS[1], KEYS[2])
if not id then return false end
local task = ARGV[2] .. id
redis.call('ZADD', KEYS[3], ARGV[1], id)
redis.call('HSET', task, 'state', 'active')
redis.call('HDEL', task, 'pending_since')
return redis.call('HGET', task, 'msg'))";

// What ends a task's being active, and counts it. KEYS: active, lease, task, total, of the day. ARGV: id, seconds to
// keep
constexpr const char* leave_active = R"(
if redis.call('LREM', KEYS[1], 0, ARGV[1]) == 0 or redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('INCR', KEYS[4])
if redis.call('INCR', KEYS[5]) == 1 then redis.call('EXPIRE', KEYS[5], ARGV[2]) end
)";

// and then either is gone
constexpr const char* done_end = "return redis.call('DEL', KEYS[3])";

// or waits in a sorted set. KEYS[6]: that, [7], [8]: failures in all and of the day. ARGV: message, state, score
constexpr const char* fail_end = R"(
redis.call('ZADD', KEYS[6], ARGV[5], ARGV[1])
redis.call('HSET', KEYS[3], 'msg', ARGV[3], 'state', ARGV[4])
redis.call('INCR', KEYS[7])
if redis.call('INCR', KEYS[8]) == 1 then redis.call('EXPIRE', KEYS[8], ARGV[2]) end
return 1)";

// KEYS: retry, pending. ARGV: now, prefix of tasks
constexpr const char* forward_script = R"(
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 100)
for _, id in ipairs(due) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('LPUSH', KEYS[2], id)
  redis.call('HSET', ARGV[2] .. id, 'state', 'pending', 'pending_since', ARGV[1] .. '000000000')
end
return #due)";

}  // namespace

std::string encode(const AsynqTask& task) {
  AsynqMessage message;
  message.type = task.type;
  message.payload = task.payload;
  message.id = task.id;
  message.queue = task.queue;
  message.retry = task.retry;
  message.retried = task.retried;
  message.error = task.error;
  message.last_failed_at = task.last_failed_at;
  message.timeout = task.timeout;
  return encode_asynq_message(message);
}

void AsynqQueue::announce(RedisConnection& redis) const { checked(redis, {"SADD", "asynq:queues", m_name}); }

bool AsynqQueue::enqueue(RedisConnection& redis, const AsynqTask& task, std::int64_t now) const {
  return run_script(redis, enqueue_script, {task_key(task.id), key("pending")},
                    {encode(task), task.id, std::to_string(now)})
             .integer > 0;
}

std::vector<std::string> AsynqQueue::dequeue_command(std::int64_t lease_until) const {
  return {"EVAL",        dequeue_script, "4",           key("pending"),
          key("active"), key("lease"),   key("paused"), std::to_string(lease_until),
          key("t:")};
}

bool AsynqQueue::done(RedisConnection& redis, const std::string& id, const std::string& day) const {
  const std::vector<std::string> keys = {key("active"), key("lease"), task_key(id), key("processed"),
                                         key("processed:" + day)};
  return run_script(redis, std::string(leave_active) + done_end, keys, {id, std::to_string(seconds_of_statistics)})
             .integer == 1;
}

bool AsynqQueue::fail(RedisConnection& redis, const AsynqTask& task, const char* state, std::int64_t score,
                      const std::string& day) const {
  const std::vector<std::string> keys = {
      key("active"),           key("lease"), task_key(task.id), key("processed"),
      key("processed:" + day), key(state),   key("failed"),     key("failed:" + day)};
  return run_script(redis, std::string(leave_active) + fail_end, keys,
                    {task.id, std::to_string(seconds_of_statistics), encode(task), state, std::to_string(score)})
             .integer == 1;
}

bool AsynqQueue::retry_at(RedisConnection& redis, const AsynqTask& task, std::int64_t due,
                          const std::string& day) const {
  return fail(redis, task, "retry", due, day);
}

bool AsynqQueue::archive(RedisConnection& redis, const AsynqTask& task, std::int64_t died,
                         const std::string& day) const {
  return fail(redis, task, "archived", died, day);
}

std::int64_t AsynqQueue::forward(RedisConnection& redis, std::int64_t now) const {
  return run_script(redis, forward_script, {key("retry"), key("pending")}, {std::to_string(now), key("t:")}).integer;
}

std::vector<std::string> AsynqQueue::expired_leases(RedisConnection& redis, std::int64_t now) const {
  std::vector<std::string> ids;
  for (const RedisReply& id : checked(redis, {"ZRANGEBYSCORE", key("lease"), "-inf", std::to_string(now)}).items)
    ids.push_back(id.text);
  return ids;
}

std::string AsynqQueue::state(RedisConnection& redis, const std::string& id) const {
  return checked(redis, {"HGET", task_key(id), "state"}).text;
}

std::int64_t AsynqQueue::count(RedisConnection& redis, const std::string& part) const {
  const bool list = part == "pending" || part == "active";
  return checked(redis, {list ? "LLEN" : "ZCARD", key(part)}).integer;
}

}  // namespace raibid
