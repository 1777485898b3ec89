-- A person sends a dead letter again: it keeps its identity and its announcement, its attempts start anew.
-- ARGV: tid, actor ('' = not told).  Answers 1, or 0 if it is not dead.
local tid = ARGV[1]
local t = redis.call('HMGET', 't:' .. tid, 'st', 'a', 'k', 's')
if t[1] ~= 'dead' then return 0 end
redis.call('ZREM', 'dead:' .. t[2], tid)
redis.call('HDEL', 't:' .. tid, 'n', 'dn', 'ln', 'al', 'dd')
redis.call('HSET', 't:' .. tid, 'st', 'held', 'rp', text(clock()))
redis.call('HINCRBY', 't:' .. tid, 'rn', 1)
if ARGV[2] ~= '' then note_down(tid, ARGV[2], 'sent again') end
count(t[2], t[3], 'dead', 'held')
advance('l:' .. t[2] .. ':' .. t[4], t[2])
refill(t[2], clock())
return 1
