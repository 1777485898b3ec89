-- Takes one delivery into the store: dedupe, facts, lines, wake-ups. All reads that can fail come first.
-- ARGV: mark, dedupe seconds, payload seconds, exchange seconds, ledger seconds, heads, then digest and blob of
-- each item ('' where it has no digest). Heads is a JSON list with one entry an item:
--   ["E", eid, [[kind, account, subject, version, cents, currency, rule, value], …]]
--   ["I", eid]                   an event of an unknown name
--   ["Q", eid]                   something that could not be read
-- A call costs a microsecond or two, so what is the same for all items is read and written once.
local refused = check_instance(ARGV[1])
if refused then return refused end
local dedupe_seconds, payload_seconds, exchange_seconds, ledger_seconds = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local now = clock()
local now_text = text(now)

-- What is added up and written once for the whole delivery: counters, and members of the ready lists.
local sums, ready = {}, {}
local function add(key, field, number)
  sums[key] = sums[key] or {}
  sums[key][field] = (sums[key][field] or 0) + number
end

local function flush_ready()
  for key, members in pairs(ready) do redis.call('ZADD', key, unpack(members)) end
  ready = {}
end

-- The rows of the ledger that this delivery speaks of, each read once until it is written to.
local rows, stale = {}, {}
local function row_of(key)
  if stale[key] then
    flush_ready()
    rows[key], stale[key] = nil, nil
  end
  local row = rows[key]
  if not row then
    local flat = redis.call('HGETALL', key)
    row = {exists = #flat > 0, fields = {}}
    for i = 1, #flat, 2 do row.fields[flat[i]] = flat[i + 1] end
    rows[key] = row
  end
  return row
end

-- Reads whatever the writes below need: a wrong type is met before the first of them, which nothing undoes.
local checked, listed = {}, {}
local function check_account(account)
  if checked[account] then return end
  checked[account] = {}
  redis.call('HLEN', 'n:' .. account)
  redis.call('HLEN', 'money:' .. account)
  redis.call('HLEN', 'g:' .. account)
  listed[account] = redis.call('SISMEMBER', 'accounts', account) == 1
end

local function check_kind(account, kind)
  if checked[account][kind] then return end
  checked[account][kind] = true
  redis.call('ZCARD', 'ready:' .. account .. ':' .. kind)
  redis.call('ZCARD', 'handed:' .. account .. ':' .. kind)
  redis.call('LLEN', kind)
end

local function check_known(account, tid)
  for _, eid in pairs(redis.call('HMGET', 't:' .. tid, 'e', 'ne')) do
    if eid then redis.call('GET', 'er:' .. eid) end
  end
  redis.call('ZCARD', 'dead:' .. account)
  redis.call('ZCARD', 'due')
end

local function read_fact(packed)
  local fact = {kind = packed[1], account = packed[2], subject = packed[3], version = packed[4],
    cents = packed[5], currency = packed[6], rule = packed[7], value = packed[8]}
  fact.row = 'l:' .. fact.account .. ':' .. fact.subject
  fact.f, fact.w, fact.v = 'f:' .. fact.kind, 'w:' .. fact.kind, 'v:' .. fact.kind
  check_account(fact.account)
  check_kind(fact.account, fact.kind)
  local known = row_of(fact.row).fields[fact.f]
  if known then check_known(fact.account, known) end
  return fact
end

local items, marks = {}, {}
for n, head in ipairs(cjson.decode(ARGV[6])) do
  local item = {tag = head[1], eid = head[2], facts = {}, digest = ARGV[2 * n + 5], blob = ARGV[2 * n + 6]}
  for f, packed in ipairs(head[3] or {}) do item.facts[f] = read_fact(packed) end
  items[n], marks[n] = item, 'd:' .. item.digest
  if item.tag == 'Q' then redis.call('ZCARD', 'quarantine') end
end
local firsts = redis.call('MGET', unpack(marks))
redis.call('HLEN', 'n:events')
redis.call('GET', 'relay:sequence')
redis.call('GET', 'relay:window')

local WAITING = {ready = true, held = true, retrying = true, dead = true}

-- A sale without a total is the only fact whose content the row does not keep.
local function remembered(fact) return fact.rule ~= 'once' or fact.value ~= '' end

local function remember(fact)
  if not remembered(fact) then return end
  stale[fact.row] = true
  redis.call('HSET', fact.row, fact.w, fact.value, fact.v, fact.version)
end

local function create(fact, tid, eid)
  local row = row_of(fact.row)
  local line = row.fields.q
  local state = line and 'held' or 'ready'
  local q = line and (line .. ' ' .. tid) or tid
  stale[fact.row] = true
  local content = remembered(fact) and {fact.w, fact.value, fact.v, fact.version} or {}
  redis.call('HSET', fact.row, fact.f, tid, 'q', q, unpack(content))
  -- What is open may be needed for ever; settle gives the row its end.
  if row.exists then redis.call('PERSIST', fact.row) end
  redis.call('HSET', 't:' .. tid, 'k', fact.kind, 'a', fact.account, 's', fact.subject, 'e', eid,
    'st', state, 'v', fact.version, 'c', now_text, 'm', fact.cents, 'cu', fact.currency)
  add('n:' .. fact.account, fact.kind .. ':' .. state, 1)
  if fact.currency ~= '' and fact.cents ~= 0 then add('money:' .. fact.account, fact.currency, fact.cents) end
  if line then return advance(fact.row, fact.account) end
  local key = 'ready:' .. fact.account .. ':' .. fact.kind
  local members = ready[key] or {}
  members[#members + 1], members[#members + 2] = now_text, tid
  ready[key] = members
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
  if state == 'retrying' and row_of(fact.row).fields.fs then return true end
  redis.call('ZREM', 'dead:' .. fact.account, tid)
  redis.call('ZREM', 'due', tid)
  redis.call('HDEL', 't:' .. tid, 'n', 'r', 'f', 'dd', 'dn', 'ln', 'al')
  redis.call('PERSIST', 't:' .. tid)
  redis.call('PERSIST', 'x:' .. tid)
  redis.call('PERSIST', fact.row)
  if state == 'skipped' then
    local line = row_of(fact.row).fields.q
    redis.call('HSET', fact.row, 'q', line and (line .. ' ' .. tid) or tid)
  end
  redis.call('HSET', 't:' .. tid, 'st', 'held')
  count(fact.account, fact.kind, state, 'held')
  advance(fact.row, fact.account)
  stale[fact.row] = true
  return true
end

-- Of states only the last is sent: what still waits gives way to a newer one.
local function supersede(fact, tid)
  local t = redis.call('HMGET', 't:' .. tid, 'st', 'e', 'm', 'cu')
  local state = t[1]
  if not WAITING[state] or (state == 'retrying' and row_of(fact.row).fields.fs) then return end
  redis.call('ZREM', 'ready:' .. fact.account .. ':' .. fact.kind, tid)
  redis.call('ZREM', 'handed:' .. fact.account .. ':' .. fact.kind, tid)
  redis.call('ZREM', 'dead:' .. fact.account, tid)
  redis.call('ZREM', 'due', tid)
  redis.call('HSET', 't:' .. tid, 'st', 'skipped', 'r', 'superseded', 'dd', now_text)
  redis.call('EXPIRE', 't:' .. tid, exchange_seconds)
  redis.call('EXPIRE', 'x:' .. tid, exchange_seconds)
  count(fact.account, fact.kind, state, 'skipped')
  money(fact.account, t[4], -tonumber(t[3] or '0'))
  release_event(t[2], payload_seconds)
end

-- The same as was known, but newer: what lies between both is old from now on. Says nothing new.
local function confirm(fact, version)
  if tonumber(fact.version) <= tonumber(version or '0') then return false end
  stale[fact.row] = true
  redis.call('HSET', fact.row, fact.v, fact.version)
  return false
end

-- Per rule: whether the fact says something new, and what becomes of it. `known` is its last transmission.
local RULES = {
  once = function(fact, tid, eid, known, total, version)
    local changed = total and fact.value ~= '' and fact.value ~= total
    -- Orders have no stamp of their last edit: on a tie the later arrival is the newer one.
    local newer = tonumber(fact.version) >= tonumber(version or '0')
    local state = known and redis.call('HGET', 't:' .. known, 'st')
    -- What is on its way may be in the CRM with the old total: the new one is told behind it.
    if changed and newer and (state == 'running' or row_of(fact.row).fields.fs) then
      create(fact, tid, eid)
      return true
    end
    if known and replace(fact, known, eid) then
      remember(fact)
      return true
    end
    if known and total and not changed and fact.value ~= '' then return confirm(fact, version) end
    if known and (WAITING[state] or not (changed and newer)) then return false end
    create(fact, tid, eid)
    return true
  end,
  grow = function(fact, tid, eid, known, total, version)
    local now_total, new_total = tonumber(total or '0'), tonumber(fact.value)
    if new_total == now_total then
      if known then confirm(fact, version) end
      return known and replace(fact, known, eid)
    end
    if new_total < now_total and tonumber(fact.version) <= tonumber(version or '0') then return false end
    local state = known and redis.call('HGET', 't:' .. known, 'st')
    local in_flight = state == 'running' or row_of(fact.row).fields.fs
    if WAITING[state] and not in_flight and new_total > now_total then
      remember(fact)
      return replace(fact, known, eid, true)
    end
    create(fact, tid, eid)
    return true
  end,
  state = function(fact, tid, eid, known, content, version)
    if content == fact.value then return confirm(fact, version) end
    -- Without a stamp of its own (0), order of arrival decides.
    if fact.version ~= '0' and tonumber(fact.version) < tonumber(version or '0') then
      add('n:events', 'stale', 1)
      return false
    end
    if fact.version == '0' then fact.version = version or '0' end
    if known then supersede(fact, known) end
    create(fact, tid, eid)
    return true
  end,
}

-- Whether the event says something new: how many transmissions need its payload.
local fresh_accounts = {}
local function take(item)
  local kept = 0
  for f, fact in ipairs(item.facts) do
    local row = row_of(fact.row).fields
    if RULES[fact.rule](fact, item.eid .. '.' .. f, item.eid, row[fact.f], row[fact.w], row[fact.v]) then
      kept = kept + 1
      fresh_accounts[fact.account] = true
    end
  end
  if kept > 0 then redis.call('SET', 'e:' .. item.eid, item.blob) end
  if kept > 1 then redis.call('SET', 'er:' .. item.eid, kept) end
end

local seen, ids = {}, {}
local counts = {accepted = 0, duplicates = 0, ignored = 0, quarantined = 0}
local function tell(n, fate, eid)
  counts[fate] = counts[fate] + 1
  add('n:events', fate, 1)
  ids[n] = eid
end

-- The same words again may be news: a state without a stamp that went from A to B and back to A.
local function is_back(item)
  for _, fact in ipairs(item.facts) do
    local held = row_of(fact.row).fields[fact.w]
    if fact.rule == 'state' and fact.version == '0' and held and held ~= fact.value then return true end
  end
  return false
end

for n, item in ipairs(items) do
  local first = firsts[n] or seen[item.digest]
  if first and is_back(item) then first = nil end
  if item.tag == 'Q' then
    redis.call('SET', 'q:' .. item.eid, item.blob)
    redis.call('ZADD', 'quarantine', now, item.eid)
    tell(n, 'quarantined', item.eid)
  elseif first then
    tell(n, 'duplicates', first)
  else
    local ignored = item.tag == 'I'
    if ignored then redis.call('SET', 'e:' .. item.eid, item.blob, 'EX', payload_seconds) else take(item) end
    seen[item.digest] = item.eid
    tell(n, ignored and 'ignored' or 'accepted', item.eid)
  end
end
flush_ready()
for key, fields in pairs(sums) do
  for field, number in pairs(fields) do redis.call('HINCRBY', key, field, number) end
end
for account in pairs(fresh_accounts) do
  if not listed[account] then redis.call('SADD', 'accounts', account) end
  refill(account, now)
end
for digest, eid in pairs(seen) do redis.call('SET', 'd:' .. digest, eid, 'EX', dedupe_seconds) end
return {counts.accepted, counts.duplicates, counts.ignored, counts.quarantined, ids}
