-- Makes a running transmission the one writer of a shared row (a contact, a product) until its attempt ends.
-- ARGV: tid, token, row.  Answers {'yours', row} | {'busy'} | {'lost'}
local tid, token, row = ARGV[1], ARGV[2], ARGV[3]
if not owns(tid, token) then return {'lost'} end
local mine = tid .. ' ' .. token
local holder = redis.call('HGET', row, 'lk')
if held_by_another(holder, mine) then return {'busy'} end
if holder ~= mine then redis.call('HSET', row, 'lk', mine) end
return {'yours', redis.call('HGETALL', row)}
