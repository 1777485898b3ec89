-- Who is at work on a transmission or a shared row.

-- Only the holder of the fencing token may write for a running transmission.
local function owns(tid, token)
  local t = redis.call('HMGET', 't:' .. tid, 'st', 'tk')
  return t[1] == 'running' and t[2] == token
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
