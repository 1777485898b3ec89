-- How the attempt of a running transmission ends; for settle.lua and tick.lua.

-- Nobody is at it any more.
local function end_lease(tid)
  redis.call('HDEL', 't:' .. tid, 'tk', 'le')
  redis.call('HDEL', 'running', tid)
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

-- `sign` tells the failure from others of its class, `condition` says why it was given up.
local function bury(tid, account, kind, from, reason, failure, sign, condition, now)
  redis.call('HSET', 't:' .. tid, 'st', 'dead', 'r', reason, 'f', failure, 'sg', sign, 'xc', condition,
    'dd', text(now))
  redis.call('ZADD', 'dead:' .. account, now, tid)
  count(account, kind, from, 'dead')
end
