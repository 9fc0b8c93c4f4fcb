-- Safe trim of one slice. KEYS: stream. ARGV: entries to keep ('-' for no such limit), ID before which entries may go
-- ('-' for no such limit), microseconds, and for a dry run the ID after which to go on counting ('' to trim).
-- Returns state, removed, more, length before, group, reason, first ID that is needed, last ID that was counted.
local stream, keep, before, budget, counted_to = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local kind = redis.call('TYPE', stream).ok
if kind == 'none' then return {'no-stream', 0, 0, 0, '', '', '', ''} end
if kind ~= 'stream' then return {'wrong-type', 0, 0, 0, kind, '', '', ''} end
local length = redis.call('XLEN', stream)
local cut, group, reason = first_needed(stream)
if not cut then return {'no-group', 0, 0, length, '', '', '', ''} end
local needed = cut
if before ~= '-' and id_less(before, cut) then
  cut, group, reason = before, '', 'age'
end
local most = length
if keep ~= '-' then most = math.max(0, length - tonumber(keep)) end
if counted_to ~= '' then
  local count, more, last = 0, false, counted_to
  if most > 0 then count, more, last = count_after(stream, counted_to, '(' .. cut, most, budget) end
  return {'ok', count, more and 1 or 0, length, group, reason, needed, last}
end
local removed, more = trim_before(stream, cut, most, budget)
return {'ok', removed, more and 1 or 0, length, group, reason, needed, ''}
