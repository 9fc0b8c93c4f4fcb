-- One look at a queue; its cost does not depend on the stream's length. KEYS: stream, dead letters, pause. ARGV: most
-- entries to count where Redis does not know the lag, ID since which dead letters are recent.
-- No payload leaves the server.
local stream, dead, pause = KEYS[1], KEYS[2], KEYS[3]
local cap, since = tonumber(ARGV[1]), ARGV[2]
local budget = 5000

local function dead_letters()
  if redis.call('TYPE', dead).ok ~= 'stream' then return 0, 0, 0 end
  local recent, more = count_after(dead, since, '+', cap, budget)
  return redis.call('XLEN', dead), recent, more and 1 or 0
end

local function consumers_of(group)
  local list = {}
  for _, reply in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local info = named(reply)
    list[#list + 1] = {info['name'], info['pending'], info['idle'], info['inactive'] or -1}
  end
  return list
end

local function group_facts(info)
  local name = info['name']
  local lag = info['lag'] or -1
  local counted, more = 0, false
  if lag == -1 then counted, more = count_after(stream, info['last-delivered-id'], '+', cap, budget) end
  local oldest = {}
  if info['pending'] > 0 then oldest = redis.call('XPENDING', stream, name, '-', '+', 1)[1] or {} end
  return {name, info['pending'], info['last-delivered-id'], info['entries-read'] or -1, lag, counted, more and 1 or 0,
          oldest, consumers_of(name)}
end

local paused = redis.call('GET', pause) or ''
local letters, recent, more_recent = dead_letters()
local kind = redis.call('TYPE', stream).ok
if kind ~= 'stream' then return {kind, 0, 0, '', '', {}, letters, recent, more_recent, paused} end
local info = named(redis.call('XINFO', 'STREAM', stream))
local first = info['first-entry'] and info['first-entry'][1] or ''
local groups = {}
for _, reply in ipairs(redis.call('XINFO', 'GROUPS', stream)) do groups[#groups + 1] = group_facts(named(reply)) end
return {kind, info['length'], info['entries-added'] or -1, info['last-generated-id'], first, groups, letters, recent,
        more_recent, paused}
