-- Ends an attempt under its fencing token: the new state, the line, the exchanges, the next wake-ups.
-- ARGV: tid, token, outcome (delivered|skipped|retrying|postponed|dead), reason, failure, delay ms,
--       payload seconds, exchange seconds, row whose announcement ends ('' = none), ledger seconds,
--       sign, condition, what a first attempt tells (good|bad|other, '' = nothing), m, exchange{m},
--       release, mapping, policy ('' = made no attempt)
-- How first attempts end, by the minute; only the last hour is kept.
local function note_first(account, word, now)
  if word == '' then return end
  local key, minute = 'first:' .. account, math.floor(now / 60000)
  if redis.call('HINCRBY', key, minute .. ' ' .. word, 1) > 1 then return end
  redis.call('EXPIRE', key, 7200)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if tonumber(string.match(field, '^%d+')) <= minute - 60 then redis.call('HDEL', key, field) end
  end
end

local tid, token, outcome, reason, failure = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local delay, payload_seconds, exchange_seconds = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if not owns(tid, token) then return 0 end
local now = clock()
local key = 't:' .. tid
local t = redis.call('HMGET', key, 'a', 'k', 's', 'e', 'm', 'cu', 'ne', 'nv', 'c', 'n', 'f', 'rp')
local account, kind, row = t[1], t[2], 'l:' .. t[1] .. ':' .. t[3]
for n = 1, tonumber(ARGV[14]) do redis.call('RPUSH', 'x:' .. tid, ARGV[14 + n]) end
-- A look-up of what is unknown counts no attempt, and what a person sends again is no first one.
if t[10] == '1' and t[11] ~= 'unknown' and not t[12] then note_first(account, ARGV[13], now) end
local versions = 15 + tonumber(ARGV[14])
if ARGV[versions] ~= '' then
  redis.call('HSET', key, 'vr', ARGV[versions], 'vm', ARGV[versions + 1], 'vp', ARGV[versions + 2])
end
if ARGV[9] ~= '' then redis.call('HDEL', ARGV[9], 'fs', 'fa', 'ft', 'fl', 'fe') end
redis.call('ZREM', 'due', tid)
end_lease(tid)
if outcome == 'delivered' or outcome == 'skipped' then
  redis.call('HDEL', key, 'f', 'dn', 'ln', 'al', 'dd')
  redis.call('HSET', key, 'st', outcome, 'r', reason, 'dd', text(now))
  count(account, kind, 'running', outcome)
  money(account, t[6], -tonumber(t[5] or '0'))
  if outcome == 'skipped' and t[7] then
    -- What it was skipped for may not hold for the snapshot that came meanwhile.
    release_event(t[4], payload_seconds)
    redis.call('HDEL', key, 'dd', 'r', 'ne', 'nv')
    redis.call('HSET', key, 'st', 'held', 'e', t[7], 'v', t[8])
    count(account, kind, outcome, 'held')
    money(account, t[6], tonumber(t[5] or '0'))
  else
    release_event(t[4], payload_seconds)
    release_event(t[7], 0)
    redis.call('HDEL', key, 'ne', 'nv')
    -- A newer snapshot may undo why it was skipped, for as long as its row remembers it.
    redis.call('EXPIRE', key, outcome == 'skipped' and ARGV[10] or exchange_seconds)
    redis.call('EXPIRE', 'x:' .. tid, exchange_seconds)
  end
  if outcome == 'delivered' and redis.call('EXISTS', 'x:' .. tid) == 1 then
    redis.call('HSET', 'good:' .. account, kind, tid)
  end
  advance(row, account)
  if redis.call('HEXISTS', row, 'q') == 0 then redis.call('EXPIRE', row, ARGV[10]) end
else
  redis.call('HSET', key, 'r', reason, 'f', failure)
  if take_newer(tid) and outcome == 'dead' then outcome, delay = 'retrying', 0 end
  if outcome == 'dead' then
    bury(tid, account, kind, 'running', reason, failure, ARGV[11], ARGV[12], now)
    advance(row, account)
  else
    if outcome == 'postponed' then redis.call('HINCRBY', key, 'n', -1) end
    redis.call('HSET', key, 'st', 'retrying', 'du', text(now + delay))
    count(account, kind, 'running', 'retrying')
    redis.call('ZADD', 'due', now + delay, tid)
  end
end
refill(account, now)
return 1
