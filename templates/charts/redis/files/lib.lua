-- Shared by all scripts of this folder: put in front of each of them.

-- Stream IDs stay text: a number of Lua holds 53 bits, and an ID has 128.
local function number_less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local function id_parts(id)
  return string.match(id, '^(%d+)%-(%d+)$')
end

local function id_less(a, b)
  local a_ms, a_seq = id_parts(a)
  local b_ms, b_seq = id_parts(b)
  if a_ms ~= b_ms then return number_less(a_ms, b_ms) end
  return number_less(a_seq, b_seq)
end

-- Decimal text plus one.
local function increment(digits)
  local nines = string.match(digits, '9*$')
  local head = string.sub(digits, 1, #digits - #nines)
  local zeros = string.rep('0', #nines)
  if head == '' then return '1' .. zeros end
  return string.sub(head, 1, -2) .. (tonumber(string.sub(head, -1)) + 1) .. zeros
end

-- The smallest ID after `id`.
local function next_id(id)
  local ms, seq = id_parts(id)
  if seq == '18446744073709551615' then return increment(ms) .. '-0' end
  return ms .. '-' .. increment(seq)
end

-- A flat reply of names and values as a table.
local function named(reply)
  local fields = {}
  for i = 1, #reply, 2 do fields[reply[i]] = reply[i + 1] end
  return fields
end

local function microseconds()
  local now = redis.call('TIME')
  return tonumber(now[1]) * 1000000 + tonumber(now[2])
end

-- The first ID that some group still needs, with the group's name and the reason. What is smaller has been delivered to
-- every group and acknowledged in every one of them. nil when the stream has no group.
local function first_needed(stream)
  local cut, group, reason
  for _, reply in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local info = named(reply)
    local need = next_id(info['last-delivered-id'])
    local why = 'undelivered'
    if info['pending'] > 0 then
      local smallest = redis.call('XPENDING', stream, info['name'])[2]
      if id_less(smallest, need) then
        need = smallest
        why = 'pending'
      end
    end
    if not cut or id_less(need, cut) then
      cut, group, reason = need, info['name'], why
    end
  end
  return cut, group, reason
end

-- Removes at most `most` of the oldest entries before `cut`, for `budget` microseconds. Returns how many went, and
-- whether there may be more. Whole nodes go without being read; only the last few entries are looked at.
local function trim_before(stream, cut, most, budget)
  local until_time = microseconds() + budget
  local removed = 0
  while removed < most do
    local gone = redis.call('XTRIM', stream, 'MINID', '~', cut, 'LIMIT', math.min(most - removed, 10000))
    removed = removed + gone
    if gone == 0 then break end
    if microseconds() > until_time then return removed, removed < most end
  end
  while removed < most do
    local head = redis.call('XRANGE', stream, '-', '(' .. cut, 'COUNT', math.min(most - removed, 100))
    if #head == 0 then return removed, false end
    removed = removed + redis.call('XTRIM', stream, 'MINID', next_id(head[#head][1]))
    if microseconds() > until_time then return removed, removed < most end
  end
  return removed, false
end

-- How many entries stand after `id` and before `stop` ('+' for all): exact, or at least that many (then true) when `cap`
-- or `budget` ends the count. The last ID that was counted is the third result.
local function count_after(stream, id, stop, cap, budget)
  local until_time = microseconds() + budget
  local total = 0
  local last = id
  while total < cap do
    local page = redis.call('XRANGE', stream, '(' .. last, stop, 'COUNT', math.min(cap - total, 100))
    total = total + #page
    if #page > 0 then last = page[#page][1] end
    if #page < 100 and total < cap then return total, false, last end
    if microseconds() > until_time then return total, true, last end
  end
  return total, #redis.call('XRANGE', stream, '(' .. last, stop, 'COUNT', 1) > 0, last
end

-- What Redis says of one group; nil when the stream has no such group.
local function group_named(stream, name)
  for _, reply in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group = named(reply)
    if group['name'] == name then return group end
  end
end

-- The last ID that was deleted (XDEL) from the stream, when it is not before `id` and not before all that is there: then
-- Redis cannot know the lag of a group that was given everything up to `id`.
local function deleted_after(info, id)
  local deleted = info['max-deleted-entry-id']
  if not deleted or deleted == '0-0' or info['length'] == 0 then return nil end  -- before Redis 7 it is not told
  if id_less(deleted, id) or id_less(deleted, info['recorded-first-entry-id']) then return nil end
  return deleted
end

-- The only group of a stream may have its entries deleted; with several, another one may still need them.
local function has_one_group(stream)
  return #redis.call('XINFO', 'GROUPS', stream) == 1
end
