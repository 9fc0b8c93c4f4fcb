-- Says that a consumer still works on its jobs (their idle time begins again), or gives them back (anybody who claims
-- idle jobs may have them at once) and leaves the group when it has none. KEYS: stream. ARGV: group, consumer, 'keep' or 'give', IDs.
-- Returns the IDs that are no longer this consumer's.
local stream, group, consumer, what = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local lost = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local pending = redis.call('XPENDING', stream, group, id, id, 1)[1]
  if not pending or pending[2] ~= consumer then
    lost[#lost + 1] = id
  elseif what == 'keep' then
    redis.call('XCLAIM', stream, group, consumer, 0, id, 'JUSTID')
  else
    redis.call('XCLAIM', stream, group, consumer, 0, id, 'IDLE', 1000000000, 'JUSTID')
  end
end
if what == 'give' and #redis.call('XPENDING', stream, group, '-', '+', 1, consumer) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
end
return lost
