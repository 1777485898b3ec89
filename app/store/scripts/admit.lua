-- Takes one delivery into the store: dedupe, facts, lines, wake-ups. All reads that can fail come first.
-- ARGV: mark, dedupe seconds, payload seconds, exchange seconds, heads, then digest and blob of
-- each item ('' where it has no digest). Heads is a JSON list with one entry an item:
--   ["E", eid, [[kind, account, subject, version, cents, currency, rule, value, person], …], backfill (0|1)]
--   ["I", eid]                   an event of an unknown name
--   ["Q", eid]                   something that could not be read; with a digest it is kept once
-- A call costs a microsecond or two, so what is the same for all items is read and written once.
local items, marks = {}, {}
for n, head in ipairs(cjson.decode(ARGV[5])) do
  local item = {tag = head[1], eid = head[2], facts = {}, digest = ARGV[2 * n + 4], blob = ARGV[2 * n + 5],
    backfill = head[4] == 1}
  for f, packed in ipairs(head[3] or {}) do item.facts[f] = read_fact(packed, item.backfill) end
  items[n], marks[n] = item, 'd:' .. item.digest
  if item.tag == 'Q' then redis.call('ZCARD', 'quarantine') end
end
local firsts = redis.call('MGET', unpack(marks))
redis.call('HLEN', 'n:events')
redis.call('GET', 'relay:sequence')
redis.call('GET', 'relay:window')
redis.call('HLEN', 'running')

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
-- What is fetched to make good is none: it was said when it first came.
local function is_back(item)
  if item.backfill then return false end
  for _, fact in ipairs(item.facts) do
    local held = row_of(fact.row).fields[fact.w]
    local other = fact.rule == 'state' and fact.version == '0' and held
    if other and told_by(held) ~= told_by(fact.value) then return true end
  end
  return false
end

for n, item in ipairs(items) do
  local first = firsts[n] or seen[item.digest]
  if first and is_back(item) then first = nil end
  if first then
    tell(n, 'duplicates', first)
  elseif item.tag == 'Q' then
    redis.call('SET', 'q:' .. item.eid, item.blob)
    redis.call('ZADD', 'quarantine', now, item.eid)
    if item.digest ~= '' then seen[item.digest] = item.eid end
    tell(n, 'quarantined', item.eid)
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
