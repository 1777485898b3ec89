-- Shared by every script: the clock, the counters and the guard of the store.
-- KINDS, BLOCKS, MONEY, ENVELOPES, RECORD and BEHIND are put before this text by app/store/scripting.py.

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function text(number) return string.format('%.0f', number) end

local function count(account, kind, from, to)
  if from then redis.call('HINCRBY', 'n:' .. account, kind .. ':' .. from, -1) end
  if to then redis.call('HINCRBY', 'n:' .. account, kind .. ':' .. to, 1) end
end

local function money(account, currency, cents)
  if currency and currency ~= '' and cents ~= 0 then
    redis.call('HINCRBY', 'money:' .. account, currency, cents)
  end
end

local function check_instance(mark, found)
  if (found or redis.call('GET', 'relay:instance')) ~= mark then
    return redis.error_reply('INSTANCE this store does not belong to this relay')
  end
end

-- From now on only this version of the relay and newer ones can read what belongs to it (RECORD_VERSION).
local function needs_this_version(tid)
  if tonumber(redis.call('HGET', 't:' .. tid, 'z') or '1') < RECORD then redis.call('HSET', 't:' .. tid, 'z', RECORD) end
end
