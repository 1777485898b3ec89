-- Takes one delivery into the store: dedupe, facts, lines, wake-ups. All reads that can fail come first.
-- ARGV: mark, dedupe seconds, payload seconds, exchange seconds, heads, then digest and blob of
-- each item ('' where it has no digest). Heads is one JSON list with these of each item, one after the other:
--   "E", eid, m, (kind, account, subject, version, cents, currency, rule, value, person){m}; "B" if backfilled
--   "I", eid, 0                  an event of an unknown name
--   "Q", eid, 0                  something that could not be read; with a digest it is kept once
-- A call costs a microsecond or two, so what is the same for all items is read and written once.
-- Answers the first letter of each item's fate, and its id.

-- What make_rules and make_refill have made.
local rules, refill

-- A sale of an order that nobody has spoken of. The last one is what the next is copied from, until something is
-- done to what is known, which it is from now on.
local last, last_key
local function create_sale(fact, tid, eid)
  local is_like = last and last.track == fact.track and last.currency == fact.currency
    and last.backfill == fact.backfill and fact.person ~= ''
  create(fact, tid, eid, is_like and last_key)
  last, last_key = fact, 't:' .. tid
  return true
end

-- Whether the fact says something new, and what becomes of it.
local function is_news(fact, tid, eid)
  local row, track = row_of(fact.row), fact.track
  if row == NEW and fact.rule == 'once' then return create_sale(fact, tid, eid) end
  last = nil
  if row ~= NEW then flush() end
  rules = rules or make_rules()
  return rules[fact.rule](fact, tid, eid, row[track.f], row[track.w], row[track.v])
end

-- Whether the event says something new: how many transmissions need its payload.
local function take(item, blob)
  local kept = 0
  for f, fact in ipairs(item) do
    -- Lua takes its time to write a number.
    if is_news(fact, item.eid .. (f == 1 and '.1' or '.' .. f), item.eid) then
      kept = kept + 1
      fact.track.account.is_fresh = true
    end
  end
  local n = #payloads
  if kept > 0 then payloads[n + 1], payloads[n + 2] = 'e:' .. item.eid, blob end
  if kept > 1 then payloads[n + 3], payloads[n + 4] = 'er:' .. item.eid, kept end
end

local seen, fates, ids = {}, {}, {}
local function tell(n, fate, eid)
  counts[fate] = counts[fate] + 1
  fates[n], ids[n] = string.sub(fate, 1, 1), eid
end

-- The same words again may be news: a state without a stamp that went from A to B and back to A.
-- What is fetched to make good is none: it was said when it first came.
local function is_back(item)
  if item.tag == 'B' then return false end
  for _, fact in ipairs(item) do
    local held = row_of(fact.row)[fact.track.w]
    local other = fact.rule == 'state' and fact.version == '0' and held
    if other and told_by(held) ~= told_by(fact.value) then return true end
  end
  return false
end

for n, item in ipairs(items) do
  local digest, blob = ARGV[4 + 2 * n], ARGV[5 + 2 * n]
  local first = firsts[n] or seen[marks[n]]
  if first and is_back(item) then first = nil end
  if first then
    tell(n, 'duplicates', first)
  elseif item.tag == 'Q' then
    redis.call('SET', 'q:' .. item.eid, blob)
    redis.call('ZADD', 'quarantine', now, item.eid)
    if digest ~= '' then seen[marks[n]] = item.eid end
    tell(n, 'quarantined', item.eid)
  else
    local ignored = item.tag == 'I'
    if ignored then redis.call('SET', 'e:' .. item.eid, blob, 'EX', payload_seconds) else take(item, blob) end
    seen[marks[n]] = item.eid
    tell(n, ignored and 'ignored' or 'accepted', item.eid)
  end
end
flush()
for fate, times in pairs(counts) do
  if times > 0 then redis.call('HINCRBY', 'n:events', fate, times) end
end
for name, account in pairs(accounts) do
  for kind, track in pairs(account.tracks) do
    if track.ready > 0 then redis.call('HINCRBY', account.counter, kind .. ':ready', track.ready) end
    if track.held > 0 then redis.call('HINCRBY', account.counter, kind .. ':held', track.held) end
  end
  for currency, cents in pairs(account.money) do redis.call('HINCRBY', account.till, currency, cents) end
  if account.is_fresh and not account.listed then redis.call('SADD', 'accounts', name) end
  if account.is_fresh and account.has_room then
    refill = refill or make_refill()
    refill(name, now)
  end
end
for mark, eid in pairs(seen) do redis.call('SET', mark, eid, 'EX', dedupe_seconds) end
return {table.concat(fates), ids}
