-- What Redis knows of the jobs that a group has not been given, and a count of them, one slice; only reads. KEYS:
-- stream. ARGV: group, ID that the count began after ('' for the first slice), ID after which to go on, most entries to
-- count, microseconds.
-- Returns state, ID that the count began after, ID that was delivered last, lag or -1, entries ever added, first ID of
-- the stream, counted, more, last ID that was counted, deleted ID.
local stream, name, began, at, cap, budget = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local function only(state) return {state, '', '', -1, 0, '', 0, 0, '', ''} end
local kind = redis.call('TYPE', stream).ok
if kind == 'none' then return only('no-stream') end
if kind ~= 'stream' then return only('wrong-type') end
local group = group_named(stream, name)
if not group then return only('no-group') end
local info = named(redis.call('XINFO', 'STREAM', stream))
local last, lag = group['last-delivered-id'], group['lag'] or -1
if began == '' then began, at = last, last end
if began ~= last and lag ~= -1 then return only('moved') end
local deleted = deleted_after(info, last)
local state = not info['entries-added'] and 'too-old' or deleted and 'deleted' or 'ok'
local counted, more, counted_to = count_after(stream, at, '+', cap, budget)
return {state, began, last, lag, info['entries-added'] or 0, info['recorded-first-entry-id'] or '', counted,
        more and 1 or 0, counted_to, deleted or ''}
