-- What a delivery reads before it writes: its rows, each once, and whatever may be of a wrong type; for admit.lua.
local dedupe_seconds, payload_seconds, exchange_seconds = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local heads, number, marks = cjson.decode(ARGV[5]), (#ARGV - 5) / 2, {}
for n = 1, number do marks[n] = 'd:' .. ARGV[4 + 2 * n] end
marks[number + 1], marks[number + 2], marks[number + 3] = 'relay:instance', 'relay:window', 'relay:sequence'
local firsts = redis.call('MGET', unpack(marks))
local refused = check_instance(ARGV[1], firsts[number + 1])
if refused then return refused end
-- MGET is silent about a wrong type.
local window = tonumber(firsts[number + 2] or redis.call('GET', 'relay:window') or '32')
local now = clock()
local now_text = text(now)

local counts = {accepted = 0, duplicates = 0, ignored = 0, quarantined = 0, stale = 0}

-- An account that this delivery speaks of. Money is added up, and written once for the whole delivery.
local accounts = {}
local function account_of(name)
  local account = accounts[name]
  if not account then
    account = {counter = 'n:' .. name, till = 'money:' .. name, money = {}, tracks = {},
      listed = redis.call('SISMEMBER', 'accounts', name) == 1}
    accounts[name] = account
    redis.call('HLEN', account.counter)
    redis.call('HLEN', account.till)
  end
  return account
end

-- What handing out reads and writes.
local function check_hand_out(name, kind)
  redis.call('LLEN', kind)
  redis.call('HLEN', 'g:' .. name)
  redis.call('HLEN', 'running')
  if not firsts[number + 3] then redis.call('GET', 'relay:sequence') end
end

-- A kind of such an account: the names of its fields in a row, how many there are now of each state, and what is
-- to be put into its ready list. While its window is full none of it can be handed out.
local function track_of(name, kind)
  local account = account_of(name)
  local track = account.tracks[kind]
  if not track then
    local list = name .. ':' .. kind
    track = {account = account, f = 'f:' .. kind, w = 'w:' .. kind, v = 'v:' .. kind,
      list = 'ready:' .. list, members = {}, ready = 0, held = 0}
    account.tracks[kind] = track
    redis.call('ZCARD', track.list)
    if redis.call('ZCARD', 'handed:' .. list) < window then
      account.has_room = true
      check_hand_out(name, kind)
    end
  end
  return track
end

-- What is written at once for all events, but before anything is done to what is known: it may be of this delivery.
local payloads = {}
local function flush()
  if #payloads > 0 then
    redis.call('MSET', unpack(payloads))
    payloads = {}
  end
  for _, account in pairs(accounts) do
    for _, track in pairs(account.tracks) do
      if #track.members > 0 then
        redis.call('ZADD', track.list, unpack(track.members))
        track.members = {}
      end
    end
  end
end

-- The rows of the ledger that this delivery speaks of, each read once until it is written to: then it is false.
local NEW, rows, keys = {}, {}, {}
local function read_row(key)
  local flat = redis.call('HGETALL', key)
  local row = #flat > 0 and {} or NEW
  for i = 1, #flat, 2 do row[flat[i]] = flat[i + 1] end
  rows[key] = row
  return row
end

local function row_of(key)
  local row = rows[key]
  if row == false then row = read_row(key) end
  return row or NEW
end

local function check_known(account, tid)
  for _, eid in pairs(redis.call('HMGET', 't:' .. tid, 'e', 'ne')) do
    if eid then redis.call('GET', 'er:' .. eid) end
  end
  redis.call('ZCARD', 'dead:' .. account)
  redis.call('ZCARD', 'due')
end

local function read_fact(at, backfill)
  local kind, account, subject = heads[at], heads[at + 1], heads[at + 2]
  local row = 'l:' .. account .. ':' .. subject
  keys[#keys + 1] = row
  return {kind = kind, account = account, subject = subject, version = heads[at + 3], cents = heads[at + 4],
    currency = heads[at + 5], rule = heads[at + 6], value = heads[at + 7], person = heads[at + 8],
    backfill = backfill, row = row, track = track_of(account, kind)}
end

-- An item is the list of its facts, with what it is and its id.
local items, at = {}, 1
for n = 1, number do
  local item = {tag = heads[at], eid = heads[at + 1]}
  for f = 1, heads[at + 2] do item[f] = read_fact(at + 9 * f - 6, item.tag == 'B') end
  items[n], at = item, at + 3 + 9 * #item
  if item.tag == 'Q' then redis.call('ZCARD', 'quarantine') end
end
redis.call('HLEN', 'n:events')
-- One look tells where all subjects are new.
if #keys > 0 and redis.call('EXISTS', unpack(keys)) > 0 then
  for _, item in ipairs(items) do
    for _, fact in ipairs(item) do
      local known = (rows[fact.row] or read_row(fact.row))[fact.track.f]
      if known then check_known(fact.account, known) end
    end
  end
end
