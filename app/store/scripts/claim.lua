-- Gives a ready transmission to one worker, with a lease.
-- ARGV: mark, tid, token, lease ms, alone (0|1), process, its slots (0 = they do not count)
-- Answers {'claimed', t, blob, ledger row, look first since} or {'nothing', why}; 'suspect' asks to come again
-- alone.
local LEFT = 5000
local refused = check_instance(ARGV[1])
if refused then return refused end
local tid, token, lease, alone = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local now = clock()
-- Its first claims may come before its dispatcher's first round.
local process, slots = ARGV[6], ARGV[7]
if slots ~= '0' and not redis.call('ZSCORE', 'relay:processes', process .. ' ' .. slots) then
  meet_process(process .. ' ' .. slots, now)
end
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
local gate = redis.call('HGET', 'g:' .. account, 'state')
local refusal
if gate and gate ~= 'open' then
  refusal = 'gate closed'
elseif not is_met() then
  refusal = 'the store was started again: a dispatcher looks at it first'
elseif is_settling(now) then
  refusal = 'the store lost writes: what was in flight then may end first'
elseif alone == '0' and may_begin(account) < 1 then
  -- One that runs alone has waited for its whole process: nobody else could use the slot.
  refusal = 'its account runs its share of what the workers can do'
end
if refusal then
  redis.call('ZREM', handed, tid)
  redis.call('ZADD', 'ready:' .. account .. ':' .. kind, place(tid, t[7]), tid)
  return {'nothing', refusal}
end
if tonumber(t[6] or '0') >= 3 and alone == '0' then return {'suspect'} end
redis.call('ZREM', handed, tid)
redis.call('ZREM', 'ready:' .. account .. ':' .. kind, tid)
redis.call('HSET', 't:' .. tid, 'st', 'running', 'tk', token, 'al', alone)
redis.call('HINCRBY', 't:' .. tid, 'n', 1)
redis.call('HSETNX', 't:' .. tid, 'fi', text(now))
redis.call('HSET', 'running', tid, process .. ' ' .. account)
extend_lease(tid, now, lease)
count(account, kind, 'ready', 'running')
return {'claimed', redis.call('HGETALL', 't:' .. tid), redis.call('GET', 'e:' .. t[5]),
  redis.call('HGETALL', 'l:' .. account .. ':' .. t[4]), redis.call('GET', 'relay:look_first') or '0'}
