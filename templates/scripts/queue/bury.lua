-- Moves pending jobs to the dead letters. KEYS: stream, dead letters. ARGV: group, reason, consumer that must hold them
-- ('' for any), IDs. What was known of a job stands in the last ten words of its dead letter.
-- Returns for each ID: its dead letter's ID, or 'not-pending', 'not-yours', 'gone' (acknowledged: nothing was left of it).
local stream, dead, group, reason, holder = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]
local alone = has_one_group(stream)
local results = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local pending = redis.call('XPENDING', stream, group, id, id, 1)[1]
  if not pending then
    results[#results + 1] = 'not-pending'
  elseif holder ~= '' and pending[2] ~= holder then
    results[#results + 1] = 'not-yours'
  else
    local entry = redis.call('XRANGE', stream, id, id)[1]
    if not entry then
      results[#results + 1] = 'gone'
    else
      local words = entry[2]
      for _, word in ipairs({'dead:id', id, 'dead:group', group, 'dead:consumer', pending[2], 'dead:deliveries',
                             tostring(pending[4]), 'dead:reason', reason}) do
        words[#words + 1] = word
      end
      results[#results + 1] = redis.call('XADD', dead, '*', unpack(words))
    end
    redis.call('XACK', stream, group, id)
    if alone then redis.call('XDEL', stream, id) end
  end
end
return results
