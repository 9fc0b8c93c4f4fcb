-- Puts dead letters back into the stream as new jobs. KEYS: stream, dead letters. ARGV: IDs.
-- Returns for each the new ID, or 'gone'.
local stream, dead = KEYS[1], KEYS[2]
local results = {}
for _, id in ipairs(ARGV) do
  local entry = redis.call('XRANGE', dead, id, id)[1]
  if not entry then
    results[#results + 1] = 'gone'
  else
    local words = entry[2]
    local count = #words
    if count > 10 and words[count - 9] == 'dead:id' then count = count - 10 end
    results[#results + 1] = redis.call('XADD', stream, '*', unpack(words, 1, count))
    redis.call('XDEL', dead, id)
  end
end
return results
