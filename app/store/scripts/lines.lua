-- What waits: how it is counted, the line of its subject, its place in the ready list, the events that it needs.

local function count(account, kind, from, to)
  if from then redis.call('HINCRBY', 'n:' .. account, kind .. ':' .. from, -1) end
  if to then redis.call('HINCRBY', 'n:' .. account, kind .. ':' .. to, 1) end
end

local function money(account, currency, cents)
  if currency and currency ~= '' and cents ~= 0 then
    redis.call('HINCRBY', 'money:' .. account, currency, cents)
  end
end

-- What was backfilled (`o`) stands behind all that is live, at its own time and BEHIND.
-- One that something live waits for is `awaited`: it keeps its origin and goes as if it were live.
local function place(tid, created)
  if redis.call('HGET', 't:' .. tid, 'o') == 'backfill' then return text(created + BEHIND) end
  return created
end

local function await(tid, account)
  local t = redis.call('HMGET', 't:' .. tid, 'o', 'k', 'c')
  if t[1] ~= 'backfill' then return end
  redis.call('HSET', 't:' .. tid, 'o', 'awaited')
  redis.call('ZADD', 'ready:' .. account .. ':' .. t[2], 'XX', t[3], tid)
end

local function make_ready(tid, account, kind, from, created)
  redis.call('HSET', 't:' .. tid, 'st', 'ready')
  redis.call('ZADD', 'ready:' .. account .. ':' .. kind, place(tid, created), tid)
  count(account, kind, from, 'ready')
end

local GOING = {ready = true, running = true, retrying = true}

-- The subject's line: when none of it is on its way, the first that no dead one before it holds back may go.
local function advance(row, account)
  local line = redis.call('HGET', row, 'q')
  if not line then return end
  local kept, members, blocked, going = {}, {}, {}, false
  for tid in string.gmatch(line, '%S+') do
    local t = redis.call('HMGET', 't:' .. tid, 'st', 'k', 'c', 'f')
    if GOING[t[1]] then going = true end
    if GOING[t[1]] or t[1] == 'dead' or t[1] == 'held' then
      kept[#kept + 1] = tid
      members[#members + 1] = t
    end
  end
  for n, t in ipairs(members) do
    local state, kind = t[1], t[2]
    -- A sale that stands with another total holds back nothing: its refund finds it.
    if state == 'dead' and t[4] ~= 'changed' then
      for _, name in ipairs(BLOCKS[kind] or {}) do blocked[name] = true end
    elseif state == 'held' and not going and not blocked[kind] then
      make_ready(kept[n], account, kind, 'held', t[3])
      going = true
    end
  end
  if #kept == 0 then redis.call('HDEL', row, 'q') else redis.call('HSET', row, 'q', table.concat(kept, ' ')) end
end

-- One transmission less needs the event; with the last one its payload starts to expire.
local function release_event(eid, seconds)
  if not eid or eid == '' then return end
  if redis.call('EXISTS', 'er:' .. eid) == 1 and redis.call('DECR', 'er:' .. eid) > 0 then return end
  redis.call('DEL', 'er:' .. eid)
  if seconds > 0 then redis.call('EXPIRE', 'e:' .. eid, seconds) else redis.call('DEL', 'e:' .. eid) end
end

-- From now on only this version of the relay and newer ones can read what belongs to it (RECORD_VERSION).
local function needs_this_version(tid)
  if tonumber(redis.call('HGET', 't:' .. tid, 'z') or '1') < RECORD then redis.call('HSET', 't:' .. tid, 'z', RECORD) end
end
