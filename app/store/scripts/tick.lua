-- The dispatcher's round: who works, what is due, whose lease ended, which wake-ups were lost, whose gate opens.
-- ARGV: mark, process, slots (0 = only looks on), limit, synced (0|1: the server puts each write on its disk at
--       once), the server that this process saw last ('' = none) and when
-- Answers {lost wake-ups, ended leases, poisoned, accounts to probe, this server, now}
local refused = check_instance(ARGV[1])
if refused then return refused end
local process, slots, limit = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now = clock()
local server = meet_server(ARGV[5] == '1', now, ARGV[6], ARGV[7])
redis.call('HSET', 'relay:server', 'seen', text(now))
if slots > 0 then meet_process(process .. ' ' .. slots, now) end

local window = tonumber(redis.call('GET', 'relay:window') or '32')
local lost, ended, poisoned, probes = 0, 0, 0, {}
for _, tid in ipairs(redis.call('ZRANGEBYSCORE', 'due', '-inf', now, 'LIMIT', 0, limit)) do
  redis.call('ZREM', 'due', tid)
  local key = 't:' .. tid
  local t = redis.call('HMGET', key, 'st', 'a', 'k', 'c', 's', 'al')
  local state, account, kind = t[1], t[2], t[3]
  if state == 'retrying' then
    redis.call('HDEL', key, 'du')
    make_ready(tid, account, kind, 'retrying', t[4])
  elseif state == 'running' then
    ended = ended + 1
    end_lease(tid)
    redis.call('HINCRBY', key, 'dn', 1)
    local alone = t[6] == '1' and redis.call('HINCRBY', key, 'ln', 1) or 0
    if not take_newer(tid) and alone >= 2 then
      poisoned = poisoned + 1
      local reason = 'its worker died five times, twice while it ran alone'
      bury(tid, account, kind, 'running', reason, 'poison', 'killed', 'poison', now)
      advance('l:' .. account .. ':' .. t[5], account)
    else
      make_ready(tid, account, kind, 'running', t[4])
    end
  end
end

-- An older version that works beside this one ends what it does not know to be listed.
for _, tid in ipairs(redis.call('HKEYS', 'running')) do
  if redis.call('HGET', 't:' .. tid, 'st') ~= 'running' then redis.call('HDEL', 'running', tid) end
end

for _, account in ipairs(redis.call('SMEMBERS', 'accounts')) do
  local gate = redis.call('HMGET', 'g:' .. account, 'state', 'until', 'reason')
  if gate[1] == 'closed' and tonumber(gate[2]) <= now then
    if gate[3] == 'throttled' then
      redis.call('DEL', 'g:' .. account)
    elseif redis.call('SET', 'probe:' .. account, process, 'NX', 'PX', 90000) then
      probes[#probes + 1] = account
    end
  end
  for _, kind in ipairs(KINDS) do
    local handed = 'handed:' .. account .. ':' .. kind
    local room = room_on(kind, window)
    for _, tid in ipairs(redis.call('ZRANGEBYSCORE', handed, '-inf', now - 60000, 'LIMIT', 0, limit)) do
      if redis.call('HGET', 't:' .. tid, 'st') ~= 'ready' then
        redis.call('ZREM', handed, tid)
      elseif room > 0 then
        room = room - 1
        lost = lost + 1
        push(kind, tid)
        redis.call('ZADD', handed, now, tid)
      end
    end
  end
  refill(account, now)
end
if lost > 0 then redis.call('HINCRBY', 'n:engine', 'lost wake-ups', lost) end
if ended > 0 then redis.call('HINCRBY', 'n:engine', 'ended leases', ended) end
return {lost, ended, poisoned, probes, server, text(now)}
