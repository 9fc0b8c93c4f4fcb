-- Makes a run the one that the record of an upload belongs to. KEYS: record. ARGV: token of the run that had it ('' for
-- none), token of this one, '1' to go on behind its lines ('' to begin at its first line), '1' when this run uses transactions, seconds
-- to keep the record. Returns 0 when another run has taken it meanwhile, else 1.
local record, before = KEYS[1], ARGV[1]
if (redis.call('HGET', record, 'token') or '') ~= before then return 0 end
if ARGV[3] == '' then redis.call('DEL', record) end
if redis.call('HEXISTS', record, 'line') == 0 then redis.call('HSET', record, 'line', '0', 'digest', '') end
redis.call('HSET', record, 'token', ARGV[2], 'ended', '0', 'transactions', ARGV[4])
redis.call('EXPIRE', record, ARGV[5])
return 1
