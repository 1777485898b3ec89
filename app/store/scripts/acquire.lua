-- Makes a running transmission the one writer of a shared row (a contact, a product) until its attempt ends.
-- ARGV: tid, token, row.  Answers {'yours', row} | {'busy'} | {'lost'}
local tid, token, row = ARGV[1], ARGV[2], ARGV[3]
if not owns(tid, token) then return {'lost'} end
local holder = redis.call('HGET', row, 'lk')
local mine = tid .. ' ' .. token
if holder and holder ~= mine then
  local other, its_token = string.match(holder, '^(%S+) (%S+)$')
  -- Not by the time of its lease: until the dispatcher has ended that, its owner may still announce.
  if owns(other, its_token) then return {'busy'} end
end
if holder ~= mine then redis.call('HSET', row, 'lk', mine) end
return {'yours', redis.call('HGETALL', row)}
