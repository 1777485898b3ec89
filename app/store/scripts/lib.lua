-- Shared by every script: the state changes that must look the same wherever they happen.
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

local function check_instance(mark)
  if redis.call('GET', 'relay:instance') ~= mark then
    return redis.error_reply('INSTANCE this store does not belong to this relay')
  end
end

-- After the store lost writes nothing is handed out for as long as a call may have been under way then
-- (75 s) and the CRM may take to list what it wrote (30 s): then one look says what was done.
local SETTLING = 105000
-- How long without a sign of life a store that is started again may be a copy of earlier days.
local LONG_AWAY = 600000

local function is_settling(now)
  return now - tonumber(redis.call('GET', 'relay:look_first') or '0') < SETTLING
end

local function server_id() return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') end

-- Whether a dispatcher has met this server, or there was none before it.
local function is_met()
  local known = redis.call('HGET', 'relay:server', 'id')
  return not known or known == server_id()
end

-- Another server than before may lack the last writes (failover, crash without a sync, a restored copy): from
-- now on what is older is looked up in the CRM before it is written. `synced`: each write is on its disk.
-- `witnessed` is the server that the caller saw last and `at` when, by the store's clock then: a server whose
-- own last sign of life (`was`) is earlier has lost what was between. Each process judges for itself.
local function meet_server(synced, now, witnessed, at)
  local id = server_id()
  local known = redis.call('HMGET', 'relay:server', 'id', 'seen', 'was')
  local was, lost = known[3], false
  if known[1] ~= id then
    was = id .. ' ' .. (known[2] or '')
    redis.call('HSET', 'relay:server', 'id', id, 'was', was)
    lost = known[1] and (not synced or now - tonumber(known[2]) > LONG_AWAY)
  end
  local since = tonumber(string.match(was or '', '^' .. id .. ' (%d+)$'))
  if lost or (since and witnessed ~= '' and witnessed ~= id and tonumber(at) > since) then
    redis.call('SET', 'relay:look_first', text(now))
  end
  return id
end

-- How first attempts end, by the minute; only the last hour is kept.
local function note_first(account, word, now)
  if word == '' then return end
  local key, minute = 'first:' .. account, math.floor(now / 60000)
  if redis.call('HINCRBY', key, minute .. ' ' .. word, 1) > 1 then return end
  redis.call('EXPIRE', key, 7200)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if tonumber(string.match(field, '^%d+')) <= minute - 60 then redis.call('HDEL', key, field) end
  end
end

-- What a dead worker was at holds no slot any more, though its lease still runs.
local function forget_process(process)
  local running = redis.call('HGETALL', 'running')
  for n = 1, #running, 2 do
    if string.match(running[n + 1], '^%S+') == process then redis.call('HDEL', 'running', running[n]) end
  end
end

-- A worker process is at work, a `member` is its name and its slots. The window is four times the slots of all.
local function meet_process(member, now)
  redis.call('ZADD', 'relay:processes', now, member)
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', 'relay:processes', '-inf', now - 15000)) do
    redis.call('ZREM', 'relay:processes', gone)
    forget_process(string.match(gone, '^%S+'))
  end
  local total = 0
  for _, each in ipairs(redis.call('ZRANGE', 'relay:processes', 0, -1)) do
    total = total + tonumber(string.match(each, ' (%d+)$'))
  end
  redis.call('SET', 'relay:window', 4 * total)
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

-- The snapshot that came while it ran takes the place of the one that it ran with; false when there is none.
local function take_newer(tid)
  local t = redis.call('HMGET', 't:' .. tid, 'e', 'ne', 'nv')
  if not t[2] then return false end
  release_event(t[1], 0)
  redis.call('HSET', 't:' .. tid, 'e', t[2], 'v', t[3])
  redis.call('HDEL', 't:' .. tid, 'ne', 'nv')
  return true
end

-- From now on only this version of the relay and newer ones can read what belongs to it (RECORD_VERSION).
local function needs_this_version(tid)
  if tonumber(redis.call('HGET', 't:' .. tid, 'z') or '1') < RECORD then redis.call('HSET', 't:' .. tid, 'z', RECORD) end
end

-- Only the holder of the fencing token may write for a running transmission.
local function owns(tid, token)
  local t = redis.call('HMGET', 't:' .. tid, 'st', 'tk')
  return t[1] == 'running' and t[2] == token
end

-- Nobody is at it any more.
local function end_lease(tid)
  redis.call('HDEL', 't:' .. tid, 'tk', 'le')
  redis.call('HDEL', 'running', tid)
end

-- Whether the `holder` of a shared row is somebody else. Not by the time of its lease: until the dispatcher has
-- ended that, its owner may still announce.
local function held_by_another(holder, mine)
  if not holder or holder == mine then return false end
  return owns(string.match(holder, '^(%S+) (%S+)$'))
end

local function extend_lease(tid, now, milliseconds)
  redis.call('HSET', 't:' .. tid, 'le', text(now + milliseconds))
  redis.call('ZADD', 'due', now + milliseconds, tid)
end

-- `sign` tells the failure from others of its class, `condition` says why it was given up.
local function bury(tid, account, kind, from, reason, failure, sign, condition, now)
  redis.call('HSET', 't:' .. tid, 'st', 'dead', 'r', reason, 'f', failure, 'sg', sign, 'xc', condition,
    'dd', text(now))
  redis.call('ZADD', 'dead:' .. account, now, tid)
  count(account, kind, from, 'dead')
end
