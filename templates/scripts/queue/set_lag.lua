-- Tells a group how many entries up to the last that it was given the stream has ever had, so that Redis knows its lag
-- again. KEYS: stream. ARGV: group, ID up to which was counted, entries up to it, first ID of the stream then,
-- microseconds. Nothing is set where what was counted may have changed since: an entry after that ID was deleted or
-- trimmed. What the group was given since is counted here.
-- Returns state, lag or -1.
local stream, name, counted_to, entries, first_then = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
if redis.call('TYPE', stream).ok ~= 'stream' then return {'moved', -1} end
local group = group_named(stream, name)
if not group then return {'moved', -1} end
local info, last = named(redis.call('XINFO', 'STREAM', stream)), group['last-delivered-id']
local first = info['recorded-first-entry-id']
if id_less(last, counted_to) or deleted_after(info, counted_to) then return {'moved', -1} end
if first ~= first_then and (info['length'] == 0 or id_less(counted_to, first)) then return {'moved', -1} end
local since, more = count_after(stream, counted_to, last, 1000000, tonumber(ARGV[5]))
if more then return {'moved', -1} end
redis.call('XGROUP', 'SETID', stream, name, last, 'ENTRIESREAD', string.format('%.0f', entries + since))
return {'ok', group_named(stream, name)['lag'] or -1}
