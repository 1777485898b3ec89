-- Makes a command the one writer of a shared row, as acquire.lua does for a transmission, until it lets go or
-- its time is over. ARGV: mark, name, token, row, milliseconds.  Answers {'yours', row} | {'busy'}
local refused = check_instance(ARGV[1])
if refused then return refused end
local name, token, row = ARGV[2], ARGV[3], ARGV[4]
local mine = name .. ' ' .. token
if held_by_another(redis.call('HGET', row, 'lk'), mine) then return {'busy'} end
redis.call('HSET', 't:' .. name, 'st', 'running', 'tk', token)
redis.call('PEXPIRE', 't:' .. name, ARGV[5])
redis.call('HSET', row, 'lk', mine)
return {'yours', redis.call('HGETALL', row)}
