-- Gives a ready transmission to one worker, with a lease.
-- ARGV: mark, tid, token, lease ms, alone (0|1)
-- Answers {'claimed', t, blob, ledger row, look first since} or {'nothing', why}; 'suspect' asks to come again
-- alone.
local LEFT = 5000
local refused = check_instance(ARGV[1])
if refused then return refused end
local tid, token, lease, alone = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local now = clock()
local t = redis.call('HMGET', 't:' .. tid, 'st', 'a', 'k', 's', 'e', 'dn', 'c', 'z')
local state, account, kind = t[1], t[2], t[3]
if not state then return {'nothing', 'unknown'} end
local handed = 'handed:' .. account .. ':' .. kind
if state ~= 'ready' then
  redis.call('ZREM', handed, tid)
  return {'nothing', state}
end
-- What newer code has begun while both run beside each other (or this one was put back) is left to it.
if tonumber(t[8] or '1') > RECORD or MONEY[kind] == nil then
  redis.call('ZREM', handed, tid)
  redis.call('HSET', 't:' .. tid, 'st', 'retrying', 'r', 'left to a newer version of the relay', 'du', text(now + LEFT))
  redis.call('ZADD', 'due', now + LEFT, tid)
  count(account, kind, 'ready', 'retrying')
  return {'nothing', 'left to a newer version of the relay'}
end
if tonumber(t[6] or '0') >= 3 and alone == '0' then return {'suspect'} end
redis.call('ZREM', handed, tid)
local gate = redis.call('HGET', 'g:' .. account, 'state')
local closed = gate and gate ~= 'open'
local met = is_met()
if closed or not met or is_settling(now) then
  redis.call('ZADD', 'ready:' .. account .. ':' .. kind, place(tid, t[7]), tid)
  if closed then return {'nothing', 'gate closed'} end
  if not met then return {'nothing', 'the store was started again: a dispatcher looks at it first'} end
  return {'nothing', 'the store lost writes: what was in flight then may end first'}
end
redis.call('ZREM', 'ready:' .. account .. ':' .. kind, tid)
redis.call('HSET', 't:' .. tid, 'st', 'running', 'tk', token, 'al', alone)
redis.call('HINCRBY', 't:' .. tid, 'n', 1)
redis.call('HSETNX', 't:' .. tid, 'fi', text(now))
extend_lease(tid, now, lease)
count(account, kind, 'ready', 'running')
return {'claimed', redis.call('HGETALL', 't:' .. tid), redis.call('GET', 'e:' .. t[5]),
  redis.call('HGETALL', 'l:' .. account .. ':' .. t[4]), redis.call('GET', 'relay:look_first') or '0'}
