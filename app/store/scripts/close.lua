-- A person ends a dead letter: discards it, or has done by hand in the CRM what it was about.
-- ARGV: tid, state (discarded|done by hand), actor, reason, record id, payload seconds, exchange seconds,
--       ledger seconds, contact row whose invoices gain the record ('' = none), n, (key field value){n}
-- Answers 'closed', 'busy' (that contact is being written) or the state that it is in ('' = there is none).
local tid, state, actor, reason, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local payload_seconds, exchange_seconds, contact = tonumber(ARGV[6]), ARGV[7], ARGV[9]
local key = 't:' .. tid
local t = redis.call('HMGET', key, 'st', 'a', 'k', 's', 'e', 'm', 'cu')
if t[1] ~= 'dead' then return t[1] or '' end
local account, kind, row = t[2], t[3], 'l:' .. t[2] .. ':' .. t[4]
if contact ~= '' then
  if held_by_another(redis.call('HGET', contact, 'lk')) then return 'busy' end
  local invoices = redis.call('HGET', contact, 'inv')
  redis.call('HSET', contact, 'inv', invoices and (invoices .. ' ' .. record) or record)
end
local now = clock()
for n = 1, tonumber(ARGV[10]) do
  redis.call('HSET', ARGV[8 + 3 * n], ARGV[9 + 3 * n], ARGV[10 + 3 * n])
end
-- What was in doubt is no longer: the person has looked.
if redis.call('HGET', row, 'ft') == tid then redis.call('HDEL', row, 'fs', 'fa', 'ft', 'fl', 'fe') end
-- The row outlives the record, and keeps later snapshots of the same money from bringing it back.
if MONEY[kind] then redis.call('HSET', row, 'o:' .. kind, state) end
redis.call('ZREM', 'dead:' .. account, tid)
redis.call('HSET', key, 'st', state, 'by', actor, 'wy', reason, 'ri', record, 'ct', text(now))
count(account, kind, 'dead', state)
money(account, t[7], -tonumber(t[6] or '0'))
release_event(t[5], payload_seconds)
redis.call('EXPIRE', key, exchange_seconds)
redis.call('EXPIRE', 'x:' .. tid, exchange_seconds)
advance(row, account)
if redis.call('HEXISTS', row, 'q') == 0 then redis.call('EXPIRE', row, ARGV[8]) end
refill(account, now)
return 'closed'
