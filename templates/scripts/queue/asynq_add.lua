-- Enqueues a task of an Asynq queue, as the library's client does. KEYS: the task's hash, pending. ARGV: message, ID.
-- Returns 0 when there is a task of that ID already.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] .. string.format('%06d', tonumber(time[2])) .. '000'
redis.call('HSET', KEYS[1], 'msg', ARGV[1], 'state', 'pending', 'pending_since', now)
redis.call('LPUSH', KEYS[2], ARGV[2])
return 1
