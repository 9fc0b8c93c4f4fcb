-- Makes tasks of an Asynq queue pending now, as the library's Inspector.RunTask does. KEYS: pending. ARGV: prefix of the
-- queue's keys, the state that a task must have ('' for any that can be run), IDs.
-- Returns for each 'now pending', or why not. A task is in the pending list before it leaves where it was: an error in
-- between cannot lose it.
local pending, prefix, wanted = KEYS[1], ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] .. string.format('%06d', tonumber(time[2])) .. '000'

local function run(id)
  local task = prefix .. 't:' .. id
  local known = redis.call('HMGET', task, 'state', 'group')
  local state, group = known[1], known[2]
  if not state then return 'gone' end
  if wanted ~= '' and state ~= wanted then return 'not ' .. wanted .. ' but ' .. state end
  local set = prefix .. state
  if state == 'aggregating' then
    set = prefix .. 'g:' .. (group or '')
  elseif state == 'pending' then
    return 'already pending'
  elseif state == 'active' then
    return 'active: a worker has it'
  elseif state == 'completed' then
    return 'completed already'
  end
  if not redis.call('ZSCORE', set, id) then return 'not in the set of its state' end
  redis.call('LPUSH', pending, id)
  redis.call('ZREM', set, id)
  redis.call('HSET', task, 'state', 'pending', 'pending_since', now)
  if state == 'aggregating' and redis.call('ZCARD', set) == 0 then redis.call('SREM', prefix .. 'groups', group) end
  return 'now pending'
end

local results = {}
for i = 3, #ARGV do results[#results + 1] = run(ARGV[i]) end
return results
