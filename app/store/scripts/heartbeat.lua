-- A receiver is there; a gap since the last beat is written down. And how each shop is heard: the longest silence
-- that covered each hour, for four weeks. ARGV: mark, shortest gap in ms, then merchant, heard since the last beat
-- (0|1), ...
local HOUR, WEEK, ABOUT = 3600000, 168, 1
local refused = check_instance(ARGV[1])
if refused then return refused end
local now = clock()
local last = tonumber(redis.call('GET', 'receiver:alive') or now)
local gap = now - last > tonumber(ARGV[2])
redis.call('SET', 'receiver:alive', text(now))

-- A silence is over: each of its hours keeps the longest, of a very long one those of its first two weeks.
local function note_silence(key, from, to)
  local seconds, first, hour = math.floor((to - from) / 1000), math.floor(from / HOUR), math.floor(to / HOUR)
  local is_new = redis.call('HEXISTS', key, text(hour)) == 0
  for one = first, math.min(hour, first + 2 * WEEK) do
    local longest = tonumber(redis.call('HGET', key, text(one)) or -1)
    if seconds > longest then redis.call('HSET', key, text(one), seconds) end
  end
  for _, name in ipairs(is_new and redis.call('HKEYS', key) or {}) do
    if (tonumber(name) or hour) < hour - 4 * WEEK - ABOUT then redis.call('HDEL', key, name) end
  end
end

local function listen(key, heard)
  local quiet = tonumber(redis.call('HGET', key, 'quiet'))
  if quiet and gap then note_silence(key, quiet, last) end
  -- While nobody listened no silence was the shop's.
  if gap or not quiet then quiet = now end
  if heard then
    note_silence(key, quiet, now)
    redis.call('HSET', key, 'last', text(now))
  end
  redis.call('HSET', key, 'quiet', text(heard and now or quiet))
end

for n = 3, #ARGV, 2 do listen('heard:' .. ARGV[n], ARGV[n + 1] == '1') end
if not gap then return 0 end
redis.call('ZADD', 'receiver:gaps', now, text(last) .. ' ' .. text(now))
redis.call('ZREMRANGEBYSCORE', 'receiver:gaps', '-inf', now - 30 * 86400000)
return 1
