-- Tasks of an Asynq queue. KEYS: pending. ARGV: prefix of the queue's keys, then one of
--   list NAME AFTER COUNT          the oldest of a list, or those behind the task AFTER
--   set NAME SCORE SKIP COUNT      of a sorted set from SCORE on, without the first SKIP of them
--   task ID                        one task; nothing when it is not there
-- Returns for each task: ID, message, state, pending since, score, lease, result; what is not there is ''.
local prefix, what = ARGV[1], ARGV[2]
local has_score = {scheduled = true, retry = true, archived = true, completed = true}

local function describe(id, score)
  local task = redis.call('HMGET', prefix .. 't:' .. id, 'msg', 'state', 'pending_since', 'result')
  local state = task[2] or ''
  if not score and has_score[state] then score = redis.call('ZSCORE', prefix .. state, id) end
  local lease = state == 'active' and redis.call('ZSCORE', prefix .. 'lease', id)
  return {id, task[1] or '', state, task[3] or '', score or '', lease or '', task[4] or ''}
end

local results = {}
if what == 'list' then
  local key, after, count = prefix .. ARGV[3], ARGV[4], tonumber(ARGV[5])
  local from = 0
  if after ~= '' then
    local at = redis.call('LPOS', key, after, 'RANK', -1)
    if at then from = redis.call('LLEN', key) - at end
  end
  -- new tasks are pushed at the left end
  local ids = redis.call('LRANGE', key, -from - count, -from - 1)
  for i = #ids, 1, -1 do results[#results + 1] = describe(ids[i]) end
elseif what == 'set' then
  local found = redis.call('ZRANGEBYSCORE', prefix .. ARGV[3], ARGV[4], '+inf', 'WITHSCORES', 'LIMIT', ARGV[5], ARGV[6])
  for i = 1, #found, 2 do results[#results + 1] = describe(found[i], found[i + 1]) end
elseif redis.call('EXISTS', prefix .. 't:' .. ARGV[3]) == 1 then
  results[1] = describe(ARGV[3])
end
return results
