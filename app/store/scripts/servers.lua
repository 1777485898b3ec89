-- Which server this is, and which processes work on it; for claim.lua and tick.lua.

-- How long without a sign of life a store that is started again may be a copy of earlier days.
local LONG_AWAY = 600000

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
