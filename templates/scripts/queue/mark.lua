-- The last command of a transaction that added jobs: moves the record of the upload on. KEYS: stream, record. ARGV: token
-- of the run, line of the job that was sent before, line of the first and of the last job of this transaction, digest of
-- the input up to here. Lines that do not follow on the record (a transaction before was refused) are noted as "beyond".
-- Returns the length of the stream, or -1 when another run has taken the record over, or -2 when KEYS[1] is no stream.
local seen = redis.call('HMGET', KEYS[2], 'token', 'line', 'beyond')
if seen[1] ~= ARGV[1] then return -1 end
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return -2 end
if seen[2] == ARGV[2] then
  redis.call('HSET', KEYS[2], 'line', ARGV[4], 'digest', ARGV[5])
else
  redis.call('HSET', KEYS[2], 'beyond', (seen[3] or '') .. ARGV[3] .. '-' .. ARGV[4] .. ' ')
end
return redis.call('XLEN', KEYS[1])
