-- What people did to a dead letter: one JSON list a line, the oldest first; for assign.lua and replay.lua.
local LONGEST_TRAIL = 8000

local function note_down(tid, actor, deed)
  local trail = redis.call('HGET', 't:' .. tid, 'tr') or ''
  trail = trail .. cjson.encode({text(clock()), actor, deed}) .. '\n'
  -- A script that says it again and again must not make a record grow for ever: the oldest go.
  while #trail > LONGEST_TRAIL do trail = string.match(trail, '\n(.*)') end
  redis.call('HSET', 't:' .. tid, 'tr', trail)
end
