-- Removes jobs in whatever state they are. KEYS: stream. ARGV: IDs. Returns for each 'pending', 'removed' or 'gone'.
local stream = KEYS[1]
local results = {}
for _, id in ipairs(ARGV) do
  local acknowledged = 0
  for _, reply in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    acknowledged = acknowledged + redis.call('XACK', stream, named(reply)['name'], id)
  end
  local deleted = redis.call('XDEL', stream, id)
  results[#results + 1] = acknowledged > 0 and 'pending' or deleted > 0 and 'removed' or 'gone'
end
return results
