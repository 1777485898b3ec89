-- Shared by every script: the clock, and the guard of the store.
-- RECORD and BEHIND stand before it; KINDS, BLOCKS, MONEY and wake_up where app/store/scripting.py puts its tables.

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function text(number) return string.format('%.0f', number) end

local function check_instance(mark, found)
  if (found or redis.call('GET', 'relay:instance')) ~= mark then
    return redis.error_reply('INSTANCE this store does not belong to this relay')
  end
end
