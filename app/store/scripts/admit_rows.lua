-- What a delivery reads before it writes: its rows, each once, and whatever may be of a wrong type; for admit.lua.
local refused = check_instance(ARGV[1])
if refused then return refused end
local dedupe_seconds, payload_seconds, exchange_seconds = ARGV[2], tonumber(ARGV[3]), ARGV[4]
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

local function read_fact(packed, backfill)
  local fact = {kind = packed[1], account = packed[2], subject = packed[3], version = packed[4],
    cents = packed[5], currency = packed[6], rule = packed[7], value = packed[8], person = packed[9],
    backfill = backfill}
  fact.row = 'l:' .. fact.account .. ':' .. fact.subject
  fact.f, fact.w, fact.v = 'f:' .. fact.kind, 'w:' .. fact.kind, 'v:' .. fact.kind
  fact.o = 'o:' .. fact.kind
  check_account(fact.account)
  check_kind(fact.account, fact.kind)
  local known = row_of(fact.row).fields[fact.f]
  if known then check_known(fact.account, known) end
  return fact
end
