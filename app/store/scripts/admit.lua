-- Takes one delivery into the store: dedupe, facts, lines, wake-ups. All reads that can fail come first.
-- ARGV: mark, dedupe seconds, payload seconds, exchange seconds, ledger seconds, then per item a tag and its
-- fields:
--   E eid digest blob facts (kind account subject version cents currency rule value){facts}
--   I eid digest blob            an event of an unknown name
--   Q eid blob                   something that could not be read
local refused = check_instance(ARGV[1])
if refused then return refused end
local dedupe_seconds, payload_seconds, exchange_seconds, ledger_seconds = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local now = clock()

local function each(visit)
  local i = 6
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
            version = ARGV[i + 3], cents = tonumber(ARGV[i + 4]), currency = ARGV[i + 5],
            rule = ARGV[i + 6], value = ARGV[i + 7]}
          i = i + 8
        end
      end
    end
    visit(item)
  end
end

-- Reads whatever the writes below need: a wrong type is met before the first of them, which nothing undoes.
local checked = {}
local function check_account(account)
  if checked[account] then return end
  checked[account] = true
  redis.call('HLEN', 'n:' .. account)
  redis.call('HLEN', 'money:' .. account)
  redis.call('HLEN', 'g:' .. account)
  redis.call('ZCARD', 'dead:' .. account)
  for _, kind in ipairs(KINDS) do
    redis.call('ZCARD', 'ready:' .. account .. ':' .. kind)
    redis.call('ZCARD', 'handed:' .. account .. ':' .. kind)
    redis.call('LLEN', kind)
  end
end

local items = {}
each(function(item)
  items[#items + 1] = item
  if item.digest then item.first = redis.call('GET', 'd:' .. item.digest) end
  for _, fact in ipairs(item.facts or {}) do
    fact.row = 'l:' .. fact.account .. ':' .. fact.subject
    local known = redis.call('HGET', fact.row, 'f:' .. fact.kind)
    if known then redis.call('HLEN', 't:' .. known) end
    check_account(fact.account)
  end
end)
redis.call('HLEN', 'n:events')
redis.call('SCARD', 'accounts')
redis.call('ZCARD', 'quarantine')
redis.call('ZCARD', 'due')
redis.call('GET', 'relay:sequence')
redis.call('GET', 'relay:window')

local WAITING = {ready = true, held = true, retrying = true, dead = true}

local function create(fact, tid, eid)
  local state = 'ready'
  local line = redis.call('HGET', fact.row, 'q')
  if line then
    state = 'held'
    redis.call('HSET', fact.row, 'f:' .. fact.kind, tid, 'q', line .. ' ' .. tid)
  else
    redis.call('HSET', fact.row, 'f:' .. fact.kind, tid, 'q', tid)
  end
  -- What is open may be needed for ever; settle gives the row its end.
  redis.call('PERSIST', fact.row)
  redis.call('HSET', 't:' .. tid, 'k', fact.kind, 'a', fact.account, 's', fact.subject, 'e', eid,
    'st', state, 'v', fact.version, 'c', text(now), 'm', fact.cents, 'cu', fact.currency)
  count(fact.account, fact.kind, nil, state)
  money(fact.account, fact.currency, fact.cents)
  if state == 'ready' then redis.call('ZADD', 'ready:' .. fact.account .. ':' .. fact.kind, now, tid) end
  if line then advance(fact.row, fact.account) end
end

-- A newer snapshot of a fact that is not yet delivered takes the older one's place and readies it again.
local function replace(fact, tid, eid, whatever_its_age)
  local t = redis.call('HMGET', 't:' .. tid, 'st', 'v', 'e', 'ne', 'm', 'cu', 'nv')
  local state = t[1]
  if not state or state == 'delivered' or state == 'discarded' or state == 'done by hand' then return false end
  if tonumber(fact.version) < tonumber(t[7] or t[2]) and not whatever_its_age then return false end
  if state == 'running' then
    release_event(t[4], 0)
    redis.call('HSET', 't:' .. tid, 'ne', eid, 'nv', fact.version)
    return true
  end
  if state ~= 'skipped' then release_event(t[3], 0) end
  redis.call('HSET', 't:' .. tid, 'e', eid, 'v', fact.version, 'm', fact.cents, 'cu', fact.currency)
  if state ~= 'skipped' then money(t[6] and fact.account, t[6], -tonumber(t[5])) end
  money(fact.account, fact.currency, fact.cents)
  if state == 'ready' or state == 'held' then return true end
  if state == 'retrying' and redis.call('HEXISTS', fact.row, 'fs') == 1 then return true end
  redis.call('ZREM', 'dead:' .. fact.account, tid)
  redis.call('ZREM', 'due', tid)
  redis.call('HDEL', 't:' .. tid, 'n', 'r', 'f', 'dd', 'dn', 'ln', 'al')
  redis.call('PERSIST', 't:' .. tid)
  redis.call('PERSIST', 'x:' .. tid)
  redis.call('PERSIST', fact.row)
  if state == 'skipped' then
    local line = redis.call('HGET', fact.row, 'q')
    redis.call('HSET', fact.row, 'q', line and (line .. ' ' .. tid) or tid)
  end
  redis.call('HSET', 't:' .. tid, 'st', 'held')
  count(fact.account, fact.kind, state, 'held')
  advance(fact.row, fact.account)
  return true
end

-- Of states only the last is sent: what still waits gives way to a newer one.
local function supersede(fact, tid)
  local t = redis.call('HMGET', 't:' .. tid, 'st', 'e', 'm', 'cu')
  local state = t[1]
  if not WAITING[state] or (state == 'retrying' and redis.call('HEXISTS', fact.row, 'fs') == 1) then return end
  redis.call('ZREM', 'ready:' .. fact.account .. ':' .. fact.kind, tid)
  redis.call('ZREM', 'handed:' .. fact.account .. ':' .. fact.kind, tid)
  redis.call('ZREM', 'dead:' .. fact.account, tid)
  redis.call('ZREM', 'due', tid)
  redis.call('HSET', 't:' .. tid, 'st', 'skipped', 'r', 'superseded', 'dd', text(now))
  redis.call('EXPIRE', 't:' .. tid, exchange_seconds)
  redis.call('EXPIRE', 'x:' .. tid, exchange_seconds)
  count(fact.account, fact.kind, state, 'skipped')
  money(fact.account, t[4], -tonumber(t[3] or '0'))
  release_event(t[2], payload_seconds)
end

local function remember(fact) redis.call('HSET', fact.row, 'w:' .. fact.kind, fact.value, 'v:' .. fact.kind, fact.version) end

-- Per rule: whether the fact says something new, and what becomes of it. `known` is its last transmission.
local RULES = {
  once = function(fact, tid, eid, known, total, version)
    local changed = total and fact.value ~= '' and fact.value ~= total
    if known and replace(fact, known, eid) then
      if fact.value ~= '' then remember(fact) end
      return true
    end
    if known and not (changed and tonumber(fact.version) > tonumber(version)) then return false end
    if known and WAITING[redis.call('HGET', 't:' .. known, 'st')] then return false end
    if fact.value ~= '' then remember(fact) end
    create(fact, tid, eid)
    return true
  end,
  grow = function(fact, tid, eid, known, total, version)
    local now_total, new_total = tonumber(total or '0'), tonumber(fact.value)
    if new_total == now_total then return known and replace(fact, known, eid) end
    if new_total < now_total and tonumber(fact.version) <= tonumber(version or '0') then return false end
    remember(fact)
    local state = known and redis.call('HGET', 't:' .. known, 'st')
    local in_flight = state == 'running' or redis.call('HEXISTS', fact.row, 'fs') == 1
    if WAITING[state] and not in_flight and new_total > now_total then return replace(fact, known, eid, true) end
    create(fact, tid, eid)
    return true
  end,
  state = function(fact, tid, eid, known, content, version)
    if content == fact.value then return false end
    if tonumber(fact.version) < tonumber(version or '0') then
      redis.call('HINCRBY', 'n:events', 'stale', 1)
      return false
    end
    remember(fact)
    if known then supersede(fact, known) end
    create(fact, tid, eid)
    return true
  end,
}

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
      local known = redis.call('HMGET', fact.row, 'f:' .. fact.kind, 'w:' .. fact.kind, 'v:' .. fact.kind)
      if RULES[fact.rule](fact, item.eid .. '.' .. f, item.eid, known[1], known[2], known[3]) then
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
