-- Adds jobs in order. KEYS: stream, record of the upload. ARGV: token of this run ('' without a record), line of the job
-- that was sent before, limit of the stream (0 for none), digest of the input up to here, number of jobs; then for each
-- job its line, its ID ('*'), the number of its words, and its words (field, value, …).
-- Returns added, last ID, length, trimmed, failure. added is -1 when another run has taken the record over, and -2 when
-- the record is at another line; the second word is then that line.
local stream, record, token = KEYS[1], KEYS[2], ARGV[1]
if token ~= '' then
  local seen = redis.call('HMGET', record, 'token', 'line')
  if seen[1] ~= token then return {-1, seen[2] or '0', 0, 0, ''} end
  if seen[2] ~= ARGV[2] then return {-2, seen[2] or '0', 0, 0, ''} end
end
local limit, count = tonumber(ARGV[3]), tonumber(ARGV[5])
local at, added, last, line, failure = 6, 0, '', ARGV[2], ''
for _ = 1, count do
  local words = tonumber(ARGV[at + 2])
  local reply = redis.pcall('XADD', stream, ARGV[at + 1], unpack(ARGV, at + 3, at + 2 + words))
  if type(reply) == 'table' then
    failure = reply.err
    break
  end
  last, line, added = reply, ARGV[at], added + 1
  at = at + 3 + words
end
if token ~= '' and added > 0 then
  redis.call('HSET', record, 'line', line, 'digest', added == count and ARGV[4] or '')
end
local length, trimmed = 0, 0
if added > 0 then
  length = redis.call('XLEN', stream)
  if limit > 0 and length > limit then
    local cut = first_needed(stream)
    if cut then trimmed = trim_before(stream, cut, length - limit, 2000) end
  end
end
return {added, last, length - trimmed, trimmed, failure}
