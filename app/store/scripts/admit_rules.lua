-- What becomes of facts whose subject is known: the part of admit.lua that compares.
local WAITING = {ready = true, held = true, retrying = true, dead = true}

local function remember(fact)
  if not remembered(fact) then return end
  rows[fact.row] = false
  redis.call('HSET', fact.row, fact.track.w, fact.value, fact.track.v, fact.version)
end

-- What is new goes behind what stands in the line of its subject; what was backfilled there goes as if it were live.
local function add(fact, tid, eid)
  local line = row_of(fact.row).q
  create(fact, tid, eid)
  if not line then return end
  if not fact.backfill then
    for before in string.gmatch(line, '%S+') do await(before, fact.account) end
  end
  advance(fact.row, fact.account)
end

-- Two snapshots of one age that tell of another total or person: order of arrival decides, or the shop.
local function note_tie(fact, tid, before, cents, person)
  if fact.version ~= before then
    redis.call('HDEL', 't:' .. tid, 'ti')
  elseif text(fact.cents) ~= cents or fact.person ~= (person or '') then
    redis.call('HSET', 't:' .. tid, 'ti', '1')
  end
  if fact.person ~= '' then redis.call('HSET', 't:' .. tid, 'p', fact.person) end
end

-- A newer snapshot of a fact that is not yet delivered takes the older one's place and readies it again.
local function replace(fact, tid, eid, whatever_its_age)
  local t = redis.call('HMGET', 't:' .. tid, 'st', 'v', 'e', 'ne', 'm', 'cu', 'nv', 'p')
  local state = t[1]
  if not state or state == 'delivered' or state == 'discarded' or state == 'done by hand' then return false end
  if tonumber(fact.version) < tonumber(t[7] or t[2]) and not whatever_its_age then return false end
  needs_this_version(tid)
  if fact.rule == 'once' then note_tie(fact, tid, t[7] or t[2], t[5], t[8]) end
  if state == 'running' then
    release_event(t[4], 0)
    redis.call('HSET', 't:' .. tid, 'ne', eid, 'nv', fact.version)
    return true
  end
  if state ~= 'skipped' then release_event(t[3], 0) end
  redis.call('HSET', 't:' .. tid, 'e', eid, 'v', fact.version, 'm', fact.cents, 'cu', fact.currency)
  if not fact.backfill then
    await(tid, fact.account)
  elseif state == 'skipped' or state == 'dead' then
    redis.call('HSET', 't:' .. tid, 'o', 'backfill')
  end
  if state ~= 'skipped' then money(t[6] and fact.account, t[6], -tonumber(t[5])) end
  money(fact.account, fact.currency, fact.cents)
  if state == 'ready' or state == 'held' then return true end
  if state == 'retrying' and row_of(fact.row).fs then return true end
  redis.call('ZREM', 'dead:' .. fact.account, tid)
  redis.call('ZREM', 'due', tid)
  redis.call('HDEL', 't:' .. tid, 'n', 'r', 'f', 'dd', 'dn', 'ln', 'al')
  redis.call('PERSIST', 't:' .. tid)
  redis.call('PERSIST', 'x:' .. tid)
  redis.call('PERSIST', fact.row)
  if state == 'skipped' then
    local line = row_of(fact.row).q
    redis.call('HSET', fact.row, 'q', line and (line .. ' ' .. tid) or tid)
  end
  redis.call('HSET', 't:' .. tid, 'st', 'held')
  count(fact.account, fact.kind, state, 'held')
  advance(fact.row, fact.account)
  rows[fact.row] = false
  return true
end

-- Of states only the last is sent: what still waits gives way to a newer one.
local function supersede(fact, tid)
  local t = redis.call('HMGET', 't:' .. tid, 'st', 'e', 'm', 'cu')
  local state = t[1]
  if not WAITING[state] or (state == 'retrying' and row_of(fact.row).fs) then return end
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
  rows[fact.row] = false
  redis.call('HSET', fact.row, fact.track.v, fact.version)
  return false
end

-- A person's word that this money shall not go out.
local function discarded(fact) return row_of(fact.row)['o:' .. fact.kind] == 'discarded' end

-- Per rule: whether the fact says something new, and what becomes of it. `known` is its last transmission.
local rules = {
  once = function(fact, tid, eid, known, total, version)
    if discarded(fact) then return confirm(fact, version) end
    local changed = total and fact.value ~= '' and fact.value ~= total
    -- Orders have no stamp of their last edit: on a tie the later arrival is the newer one.
    local newer = tonumber(fact.version) >= tonumber(version or '0')
    local state = known and redis.call('HGET', 't:' .. known, 'st')
    -- What is on its way may be in the CRM with the old total: the new one is told behind it.
    if changed and newer and (state == 'running' or row_of(fact.row).fs) then
      add(fact, tid, eid)
      return true
    end
    if known and replace(fact, known, eid) then
      remember(fact)
      return true
    end
    if known and total and not changed and fact.value ~= '' then return confirm(fact, version) end
    if known and (WAITING[state] or not (changed and newer)) then return false end
    add(fact, tid, eid)
    return true
  end,
  grow = function(fact, tid, eid, known, total, version)
    local now_total, new_total = tonumber(total or '0'), tonumber(fact.value)
    if new_total < now_total and discarded(fact) then return false end
    if new_total == now_total then
      if known then confirm(fact, version) end
      return known and replace(fact, known, eid)
    end
    if new_total < now_total and tonumber(fact.version) <= tonumber(version or '0') then return false end
    local state = known and redis.call('HGET', 't:' .. known, 'st')
    local in_flight = state == 'running' or row_of(fact.row).fs
    if WAITING[state] and not in_flight and new_total > now_total then
      remember(fact)
      return replace(fact, known, eid, true)
    end
    add(fact, tid, eid)
    return true
  end,
  state = function(fact, tid, eid, known, content, version)
    if content == fact.value then
      -- What a dead one died of may lie in the CRM: the same told anew is its repair too.
      if known and redis.call('HGET', 't:' .. known, 'st') == 'dead' and replace(fact, known, eid) then
        remember(fact)
        return true
      end
      return confirm(fact, version)
    end
    local same = told_by(content) == told_by(fact.value)
    local undated = fact.version == '0'
    if undated and same then return false end
    if not undated and tonumber(fact.version) < tonumber(version or '0') then
      counts.stale = counts.stale + 1
      return false
    end
    -- Order of arrival decides, unless the worker can ask the shop.
    local tied = content and not same and (undated or version == '0' or fact.version == version)
    if undated then fact.version = version or '0' end
    if known then supersede(fact, known) end
    add(fact, tid, eid)
    if tied then redis.call('HSET', 't:' .. tid, 'ti', '1') end
    return true
  end,
}
