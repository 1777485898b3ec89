-- Says who looks after a dead letter, and what is known of it. ARGV: tid, actor, owner ('' = nobody), note, deed
-- Answers 1, or 0 if it is not dead.
local tid, actor, owner, note = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HGET', 't:' .. tid, 'st') ~= 'dead' then return 0 end
redis.call('HSET', 't:' .. tid, 'ow', owner, 'no', note)
note_down(tid, actor, ARGV[5])
return 1
