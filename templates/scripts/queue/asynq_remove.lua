-- Deletes tasks of an Asynq queue with their locks of uniqueness, as the library's Inspector.DeleteTask does. KEYS:
-- pending. ARGV: prefix of the queue's keys, the state that a task must have ('' for any but active), IDs.
-- Returns for each 'removed', or why not.
local pending, prefix, wanted = KEYS[1], ARGV[1], ARGV[2]

local function remove(id)
  local task = prefix .. 't:' .. id
  local known = redis.call('HMGET', task, 'state', 'group', 'unique_key')
  local state, group, lock = known[1], known[2], known[3]
  if not state then return 'gone' end
  if state == 'active' then return 'active: a worker has it' end
  if wanted ~= '' and state ~= wanted then return 'not ' .. wanted .. ' but ' .. state end
  local found
  if state == 'pending' then
    found = redis.call('LREM', pending, 0, id)
  elseif state == 'aggregating' then
    local set = prefix .. 'g:' .. (group or '')
    found = redis.call('ZREM', set, id)
    if found > 0 and redis.call('ZCARD', set) == 0 then redis.call('SREM', prefix .. 'groups', group) end
  else
    found = redis.call('ZREM', prefix .. state, id)
  end
  if found == 0 then return 'not in the list of its state' end
  if lock and lock ~= '' and redis.call('GET', lock) == id then redis.call('DEL', lock) end
  redis.call('DEL', task)
  return 'removed'
end

local results = {}
for i = 3, #ARGV do results[#results + 1] = remove(ARGV[i]) end
return results
