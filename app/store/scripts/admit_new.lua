-- What is done with facts that are news of a subject; for admit.lua and admit_rules.lua.

-- A sale without a total is the only fact whose content the row does not keep.
local function remembered(fact) return fact.rule ~= 'once' or fact.value ~= '' end

-- A transmission, in its ready list or held by the line of its subject. `like` is one that differs from it in
-- what its own fact says alone: to copy it is a third cheaper than to write each field.
local function create(fact, tid, eid, like)
  local track, row = fact.track, row_of(fact.row)
  local line = row.q
  local state, q = line and 'held' or 'ready', line and (line .. ' ' .. tid) or tid
  rows[fact.row] = false
  if remembered(fact) then
    redis.call('HSET', fact.row, track.f, tid, 'q', q, track.w, fact.value, track.v, fact.version)
  else
    redis.call('HSET', fact.row, track.f, tid, 'q', q)
  end
  -- What is open may be needed for ever; settle gives the row its end.
  if row ~= NEW then
    redis.call('PERSIST', fact.row)
    local closed = 'o:' .. fact.kind
    if row[closed] then redis.call('HDEL', fact.row, closed) end
  end
  local key = 't:' .. tid
  if like then
    redis.call('COPY', like, key)
    redis.call('HSET', key, 's', fact.subject, 'e', eid, 'v', fact.version, 'm', fact.cents, 'p', fact.person)
  elseif fact.person ~= '' then
    redis.call('HSET', key, 'k', fact.kind, 'a', fact.account, 's', fact.subject, 'e', eid, 'z', RECORD, 'st', state,
      'v', fact.version, 'c', now_text, 'm', fact.cents, 'cu', fact.currency, 'p', fact.person)
  else
    redis.call('HSET', key, 'k', fact.kind, 'a', fact.account, 's', fact.subject, 'e', eid, 'z', RECORD, 'st', state,
      'v', fact.version, 'c', now_text, 'm', fact.cents, 'cu', fact.currency)
  end
  if fact.backfill and not like then redis.call('HSET', key, 'o', 'backfill') end
  track[state] = track[state] + 1
  local sums, currency = track.account.money, fact.currency
  if currency ~= '' and fact.cents ~= 0 then sums[currency] = (sums[currency] or 0) + fact.cents end
  if line then return end
  local members = track.members
  members[#members + 1], members[#members + 2] = fact.backfill and text(now + BEHIND) or now_text, tid
end

-- A state's content may end in its version: the state itself is what stands before the `@`.
local function told_by(content) return content and string.match(content, '^[^@]*') end
