-- Before each call to a CRM: instance, token, gate, budget, lease, and for a write that cannot be
-- repeated the announcement in the ledger. One round trip.
-- ARGV: mark, tid, token, row, step ('' = may be repeated freely), call ms, max wait ms, reserved (0|1),
--       interval ms, burst
-- Answers {'go', now} | {'wait', ms} (a slot is reserved: sleep, come again) | {'later', ms} | {'gate'} | {'lost'}
local refused = check_instance(ARGV[1])
if refused then return refused end
local tid, token, row, step = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local call, max_wait, reserved = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local interval, burst = tonumber(ARGV[9]), tonumber(ARGV[10])
local now = clock()
if not owns(tid, token) then return {'lost'} end
local account = redis.call('HGET', 't:' .. tid, 'a')
local gate = redis.call('HGET', 'g:' .. account, 'state')
if gate and gate ~= 'open' then return {'gate'} end
if interval > 0 and not reserved then
  local tat = math.max(tonumber(redis.call('GET', 'b:' .. account) or '0'), now)
  local wait = math.ceil(tat - now - interval * (burst - 1))
  if wait > max_wait then return {'later', wait} end
  redis.call('SET', 'b:' .. account, text(tat + interval), 'PX', text(tat + interval - now + 60000))
  if wait > 0 then
    extend_lease(tid, now, wait + 30000)
    return {'wait', wait}
  end
end
if step ~= '' then
  needs_this_version(tid)
  redis.call('HSET', row, 'fs', step, 'fa', text(now), 'ft', tid, 'fl', '0')
end
extend_lease(tid, now, call)
redis.call('HINCRBY', 'n:requests', account, 1)
return {'go', text(now)}
