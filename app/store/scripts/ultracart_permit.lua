-- Before each request to UltraCart: no two at once in the whole relay, and the hour's and the day's count.
-- Requests are counted in slots, and a slot counts until the last moment of it has left the window: so
-- more than `limit` in any window of that length cannot happen, wherever UltraCart begins its own.
-- ARGV: merchant, lease ms, requests an hour, requests a day
-- Answers {'go', token} | {'busy', ms} (another request is on its way) | {'wait', ms}
local merchant, lease = ARGV[1], tonumber(ARGV[2])
local now = clock()

-- Since when the window is full no more, in ms from now; slots that have left it are dropped.
local function wait_of(key, limit, window, slot)
  local slots = redis.call('HGETALL', key)
  local spent, oldest = 0, nil
  for i = 1, #slots, 2 do
    local number = tonumber(slots[i])
    if (number + 1) * slot + window <= now then
      redis.call('HDEL', key, slots[i])
    else
      spent = spent + tonumber(slots[i + 1])
      if not oldest or number < oldest then oldest = number end
    end
  end
  if spent < limit then return 0 end
  if not oldest then return window end
  return (oldest + 1) * slot + window - now
end

local function spend(key, window, slot)
  redis.call('HINCRBY', key, text(math.floor(now / slot)), 1)
  redis.call('PEXPIRE', key, window + 2 * slot)
end

local held = redis.call('PTTL', 'uc:lock')
if held > 0 then return {'busy', held} end
local wait = math.max(0, redis.call('PTTL', 'uc:rest:' .. merchant))
-- UltraCart counts by key and by address: a relay with several shops may have one address.
for _, name in ipairs({merchant, ''}) do
  wait = math.max(wait, wait_of('uc:hour:' .. name, tonumber(ARGV[3]), 3600000, 60000))
  wait = math.max(wait, wait_of('uc:day:' .. name, tonumber(ARGV[4]), 86400000, 900000))
end
if wait > 0 then return {'wait', wait} end
for _, name in ipairs({merchant, ''}) do
  spend('uc:hour:' .. name, 3600000, 60000)
  spend('uc:day:' .. name, 86400000, 900000)
end
local token = text(redis.call('INCR', 'uc:token'))
redis.call('SET', 'uc:lock', token, 'PX', lease)
return {'go', token}
