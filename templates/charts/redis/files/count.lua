-- What a server holds, as a backup's manifest has it: keys of each database, and streams with their groups. Run in a server of
-- its own that has loaded the copy. ARGV: "db0:keys=3,expires=1" lines of the server that was copied, before and after the copy.
-- A first line "lacks …" says what the copy does not have although both had it.
local most_streams = 1000

local function databases_of(info)
  local found = {}
  for number, keys, expires in string.gmatch(info, 'db(%d+):keys=(%d+),expires=(%d+)') do
    found[tonumber(number)] = {keys = tonumber(keys), expires = tonumber(expires)}
  end
  return found
end

local letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local function base64(bytes)
  local text = {}
  for at = 1, #bytes, 3 do
    local a, b, c = string.byte(bytes, at, at + 2)
    local number = a * 65536 + (b or 0) * 256 + (c or 0)
    for shift = 3, 0, -1 do
      local digit = math.floor(number / 64 ^ shift) % 64
      text[#text + 1] = (shift == 1 and not b or shift == 0 and not c) and '=' or string.sub(letters, digit + 1, digit + 1)
    end
  end
  return table.concat(text)
end

-- Names are bytes: those that are not plain text are written in base64.
local function name(bytes)
  if string.find(bytes, '[^ -~]') then return '{"base64": "' .. base64(bytes) .. '"}' end
  return '"' .. string.gsub(bytes, '["\\]', '\\%0') .. '"'
end

local function field(list, wanted)
  for at = 1, #list, 2 do
    if list[at] == wanted then return list[at + 1] end
  end
end

local function stream(number, key)
  local about, groups = redis.call('XINFO', 'STREAM', key), {}
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do groups[#groups + 1] = name(field(group, 'name')) end
  return string.format('{"database": %d, "name": %s, "length": %d, "last_id": "%s", "groups": [%s], "expires": %s}', number, name(key),
    field(about, 'length'), field(about, 'last-generated-id'), table.concat(groups, ', '), tostring(redis.call('PTTL', key) >= 0))
end

local copy = databases_of(redis.call('INFO', 'keyspace'))
local before, after = databases_of(ARGV[1]), databases_of(ARGV[2])
for number, had in pairs(before) do
  local has = after[number]
  local stayed = had.keys > had.expires and has and has.keys > has.expires
  if stayed and not (copy[number] and copy[number].keys > 0) then return 'lacks database ' .. number end
end

local counts, streams = {}, {}
for number, has in pairs(copy) do
  counts[#counts + 1] = string.format('"%d": {"keys": %d, "expires": %d}', number, has.keys, has.expires)
  redis.call('SELECT', number)
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'TYPE', 'stream', 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do
      if #streams < most_streams then streams[#streams + 1] = stream(number, key) end
    end
  until cursor == '0' or #streams >= most_streams
end
return '{"databases": {' .. table.concat(counts, ', ') .. '}, "streams": [' .. table.concat(streams, ', ') .. ']}'
