-- One look at an Asynq queue; its cost does not depend on the queue's length. KEYS: pending. ARGV: prefix of the queue's
-- keys, day, now (Unix seconds). Counts of tasks, expired leases, attempts and failures of the day and ever; since when
-- the oldest pending task waits (nanoseconds, as text: a number of Lua holds 53 bits); since when the queue is paused.
local prefix, day, now = ARGV[1], ARGV[2], ARGV[3]

local function counter(name)
  return tonumber(redis.call('GET', prefix .. name) or 0)
end

local function sorted(name)
  return redis.call('ZCARD', prefix .. name)
end

local aggregating = 0
for _, group in ipairs(redis.call('SMEMBERS', prefix .. 'groups')) do
  aggregating = aggregating + sorted('g:' .. group)
end
local since = ''
local oldest = redis.call('LINDEX', KEYS[1], -1)
if oldest then since = redis.call('HGET', prefix .. 't:' .. oldest, 'pending_since') or '' end
return {redis.call('LLEN', KEYS[1]), redis.call('LLEN', prefix .. 'active'), sorted('scheduled'), sorted('retry'),
        sorted('archived'), sorted('completed'), aggregating, redis.call('ZCOUNT', prefix .. 'lease', '-inf', now),
        counter('processed:' .. day), counter('failed:' .. day), counter('processed'), counter('failed'), since,
        redis.call('GET', prefix .. 'paused') or ''}
