-- Puts pending jobs at the end of the stream again, for any consumer. KEYS: stream. ARGV: group, IDs.
-- Returns for each the new ID, or 'not-pending', 'gone' (acknowledged: nothing was left of it), 'other-groups' (each of
-- them would get the job twice).
local stream, group = KEYS[1], ARGV[1]
local alone = has_one_group(stream)
local results = {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local result
  if not alone then
    result = 'other-groups'
  elseif #redis.call('XPENDING', stream, group, id, id, 1) == 0 then
    result = 'not-pending'
  else
    local entry = redis.call('XRANGE', stream, id, id)[1]
    result = entry and redis.call('XADD', stream, '*', unpack(entry[2])) or 'gone'
    redis.call('XACK', stream, group, id)
    redis.call('XDEL', stream, id)
  end
  results[#results + 1] = result
end
return results
