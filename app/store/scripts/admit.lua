-- Takes one delivery into the store: dedupe, facts, lines, wake-ups. All reads that can fail come first.
-- ARGV: mark, dedupe seconds, payload seconds, ledger seconds, then per item a tag and its fields:
--   E eid digest blob facts (kind account subject version cents currency){facts}
--   I eid digest blob            an event of an unknown name
--   Q eid blob                   something that could not be read
local refused = check_instance(ARGV[1])
if refused then return refused end
local dedupe_seconds, payload_seconds, ledger_seconds = ARGV[2], ARGV[3], ARGV[4]
local now = clock()

local function each(visit)
  local i = 5
  while i <= #ARGV do
    local tag = ARGV[i]
    local item = {tag = tag, eid = ARGV[i + 1]}
    if tag == 'Q' then
      item.blob = ARGV[i + 2]
      i = i + 3
    else
      item.digest, item.blob = ARGV[i + 2], ARGV[i + 3]
      i = i + 4
      item.facts = {}
      if tag == 'E' then
        local n = tonumber(ARGV[i])
        i = i + 1
        for f = 1, n do
          item.facts[f] = {kind = ARGV[i], account = ARGV[i + 1], subject = ARGV[i + 2],
            version = ARGV[i + 3], cents = tonumber(ARGV[i + 4]), currency = ARGV[i + 5]}
          i = i + 6
        end
      end
    end
    visit(item)
  end
end

local items = {}
each(function(item)
  items[#items + 1] = item
  if item.digest then item.first = redis.call('GET', 'd:' .. item.digest) end
  for _, fact in ipairs(item.facts or {}) do
    fact.row = 'l:' .. fact.account .. ':' .. fact.subject
    fact.tid = redis.call('HGET', fact.row, 'f:' .. fact.kind)
    redis.call('ZCARD', 'ready:' .. fact.account .. ':' .. fact.kind)
  end
end)
redis.call('HLEN', 'n:events')

local function create(fact, tid, eid)
  local state = 'ready'
  local line = redis.call('HGET', fact.row, 'q')
  if line then
    state = 'held'
    redis.call('HSET', fact.row, 'f:' .. fact.kind, tid, 'q', line .. ' ' .. tid)
  else
    redis.call('HSET', fact.row, 'f:' .. fact.kind, tid, 'q', tid)
  end
  redis.call('EXPIRE', fact.row, ledger_seconds)
  redis.call('HSET', 't:' .. tid, 'k', fact.kind, 'a', fact.account, 's', fact.subject, 'e', eid,
    'st', state, 'v', fact.version, 'c', text(now), 'm', fact.cents, 'cu', fact.currency)
  count(fact.account, fact.kind, nil, state)
  money(fact.account, fact.currency, fact.cents)
  if state == 'ready' then redis.call('ZADD', 'ready:' .. fact.account .. ':' .. fact.kind, now, tid) end
  if line then advance(fact.row, fact.account) end
end

-- A newer snapshot of a fact that is not yet delivered takes the older one's place and readies it again.
local function replace(fact, tid, eid)
  local t = redis.call('HMGET', 't:' .. tid, 'st', 'v', 'e', 'ne', 'm', 'cu', 'c')
  local state = t[1]
  if not state or state == 'delivered' or state == 'discarded' or state == 'done by hand' then return false end
  if tonumber(fact.version) < tonumber(t[2]) then return false end
  if state == 'running' then
    release_event(t[4], 0)
    redis.call('HSET', 't:' .. tid, 'ne', eid, 'nv', fact.version)
    return true
  end
  release_event(t[3], 0)
  redis.call('HSET', 't:' .. tid, 'e', eid, 'v', fact.version, 'm', fact.cents, 'cu', fact.currency)
  if state ~= 'skipped' then money(t[6] and fact.account, t[6], -tonumber(t[5])) end
  money(fact.account, fact.currency, fact.cents)
  if state == 'ready' or state == 'held' then return true end
  if state == 'retrying' and redis.call('HEXISTS', fact.row, 'fs') == 1 then return true end
  redis.call('ZREM', 'dead:' .. fact.account, tid)
  redis.call('ZREM', 'due', tid)
  redis.call('HDEL', 't:' .. tid, 'n', 'r', 'f', 'dd')
  redis.call('PERSIST', 't:' .. tid)
  if state == 'skipped' then
    local line = redis.call('HGET', fact.row, 'q')
    redis.call('HSET', fact.row, 'q', line and (line .. ' ' .. tid) or tid)
  end
  redis.call('HSET', 't:' .. tid, 'st', 'held')
  count(fact.account, fact.kind, state, 'held')
  advance(fact.row, fact.account)
  return true
end

local seen, ids, accounts = {}, {}, {}
local counts = {accepted = 0, duplicates = 0, ignored = 0, quarantined = 0}
for n, item in ipairs(items) do
  local first = item.first or (item.digest and seen[item.digest])
  if item.tag == 'Q' then
    redis.call('SET', 'q:' .. item.eid, item.blob)
    redis.call('ZADD', 'quarantine', now, item.eid)
    counts.quarantined = counts.quarantined + 1
    ids[n] = item.eid
  elseif first then
    counts.duplicates = counts.duplicates + 1
    ids[n] = first
  else
    local kept = 0
    for f, fact in ipairs(item.facts) do
      local tid = redis.call('HGET', fact.row, 'f:' .. fact.kind)
      local news
      if tid then
        news = replace(fact, tid, item.eid)
      else
        create(fact, item.eid .. '.' .. f, item.eid)
        news = true
      end
      if news then
        kept = kept + 1
        accounts[fact.account] = true
      end
    end
    if item.tag == 'I' then
      redis.call('SET', 'e:' .. item.eid, item.blob, 'EX', payload_seconds)
      counts.ignored = counts.ignored + 1
    else
      counts.accepted = counts.accepted + 1
      if kept > 0 then redis.call('SET', 'e:' .. item.eid, item.blob) end
      if kept > 1 then redis.call('SET', 'er:' .. item.eid, kept) end
    end
    redis.call('SET', 'd:' .. item.digest, item.eid, 'EX', dedupe_seconds)
    seen[item.digest] = item.eid
    ids[n] = item.eid
  end
end
for name, n in pairs(counts) do
  if n > 0 then redis.call('HINCRBY', 'n:events', name, n) end
end
for account in pairs(accounts) do
  redis.call('SADD', 'accounts', account)
  refill(account, now)
end
return {counts.accepted, counts.duplicates, counts.ignored, counts.quarantined, ids}
