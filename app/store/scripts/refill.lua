-- What goes from the ready lists onto Celery's queues, and how much.

-- After the store lost writes nothing is handed out for as long as a call may have been under way then
-- (75 s) and the CRM may take to list what it wrote (30 s): then one look says what was done.
local SETTLING = 105000

local function is_settling(now)
  return now - tonumber(redis.call('GET', 'relay:look_first') or '0') < SETTLING
end

-- The wake-up: a message as celery and kombu would have written it, with nothing but the id.
local function push(kind, tid)
  redis.call('LPUSH', kind, wake_up(kind, tid, tid .. '-' .. redis.call('INCR', 'relay:sequence')))
end

-- What a kind's queue still takes. All accounts share it: beside a window of each there is room for one more
-- of wake-ups that were sent again, or whose transmission was superseded.
local function room_on(kind, window)
  return (1 + redis.call('SCARD', 'accounts')) * window - redis.call('LLEN', kind)
end

-- How many more transmissions the account may begin, and how many it has running. Beside others it begins one
-- more only while it runs less than what is free, so that a CRM that hangs never holds all slots: one such account
-- takes half of them, two take a third each. `running` is what living workers are at.
local function may_begin(account)
  if redis.call('SCARD', 'accounts') < 2 then return math.huge, 0 end
  local free, mine = tonumber(redis.call('GET', 'relay:window') or '32') / 4, 0
  for _, at in ipairs(redis.call('HVALS', 'running')) do
    free = free - 1
    if string.match(at, ' (.+)$') == account then mine = mine + 1 end
  end
  return math.max(0, math.ceil((free - mine) / 2)), mine
end

-- A wake-up that no worker has taken for so long does not count: it is lost, or all workers are busy.
local TAKEN_WITHIN = 5000

-- How many wake-ups it is worth to send: what a claim would refuse is not handed out. An account that has nothing
-- running always has one on its way: it is the next when a slot gets free.
local function left_to_hand(account, now)
  local left, running = may_begin(account)
  if left == math.huge then return left end
  if running == 0 then left = math.max(left, 1) end
  for _, kind in ipairs(KINDS) do
    left = left - redis.call('ZCOUNT', 'handed:' .. account .. ':' .. kind, now - TAKEN_WITHIN, '+inf')
  end
  return left
end

-- Up to `room` of a ready list, the first first, onto the queue; answers how many. `turn` is one account's refill:
-- account, window, now, and how many wake-ups it has left to hand out.
local function hand(turn, kind, room)
  room = math.min(room, turn.left)
  if room > 0 then room = math.min(room, room_on(kind, turn.window)) end
  if room <= 0 then return 0 end
  local popped = redis.call('ZPOPMIN', 'ready:' .. turn.account .. ':' .. kind, room)
  for i = 1, #popped, 2 do
    push(kind, popped[i])
    redis.call('ZADD', 'handed:' .. turn.account .. ':' .. kind, turn.now, popped[i])
  end
  turn.left = turn.left - #popped / 2
  return #popped / 2
end

-- A quarter of the window keeps all threads at work, and what comes in live has the rest at once.
local function refill_behind(turn)
  for _, kind in ipairs(KINDS) do
    local handed = redis.call('ZCARD', 'handed:' .. turn.account .. ':' .. kind)
    hand(turn, kind, math.max(1, math.floor(turn.window / 4)) - handed)
  end
end

-- Ready -> handed, by priority, as far as the window, the gate and the budget allow: while the account's
-- requests are booked for seconds ahead, what has begun is finished before anything new is begun.
local BOOKED_AHEAD = 8000

-- While money waits, one of ten that are handed out is of the rest: what waits longest. A small window of them
-- alone would not do, since workers take from all queues in turn.
local MONEY_A_TURN = 9

-- The rest's turn comes before that of the money that is handed out now, which is for its next turn.
local function share_out(turn, rest, money)
  local floor = math.max(1, math.floor(turn.window / 10))
  local key, full = 'rest:' .. turn.account, MONEY_A_TURN * floor
  local credit = math.min(tonumber(redis.call('GET', key) or full), full)
  while credit >= MONEY_A_TURN do
    local oldest, since
    for _, one in ipairs(rest) do
      local first = redis.call('ZRANGE', 'ready:' .. turn.account .. ':' .. one.kind, 0, 0, 'WITHSCORES')
      local out = redis.call('ZCARD', 'handed:' .. turn.account .. ':' .. one.kind)
      local waits_since = tonumber(first[2] or BEHIND)
      if out < floor and waits_since < (since or BEHIND) then oldest, since = one.kind, waits_since end
    end
    if not oldest or hand(turn, oldest, 1) == 0 then break end
    credit = credit - MONEY_A_TURN
  end
  redis.call('SET', key, math.min(credit + math.min(money, turn.left), full), 'EX', 3600)
end

-- The kinds of an account that have something ready: how much of it is live, and what their windows take.
local function waiting_of(account, window)
  local money, rest, behind = {}, {}, false
  for _, kind in ipairs(KINDS) do
    local ready, handed = 'ready:' .. account .. ':' .. kind, 'handed:' .. account .. ':' .. kind
    local number = redis.call('ZCARD', ready)
    if number > 0 then
      local live = redis.call('ZCOUNT', ready, '-inf', '(' .. text(BEHIND))
      behind = behind or live < number
      local list, room = MONEY[kind] and money or rest, window - redis.call('ZCARD', handed)
      if live > 0 then list[#list + 1] = {kind = kind, live = live, room = room} end
    end
  end
  return money, rest, behind
end

-- Hands out what is live of these kinds. Answers whether more of it waits.
local function hand_live(turn, kinds)
  local waits = false
  for _, one in ipairs(kinds) do
    if hand(turn, one.kind, math.min(one.live, one.room)) < one.live then waits = true end
  end
  return waits
end

local function refill(account, now)
  local gate = redis.call('HGET', 'g:' .. account, 'state')
  if gate and gate ~= 'open' or is_settling(now) then return end
  if tonumber(redis.call('GET', 'b:' .. account) or '0') - now > BOOKED_AHEAD then return end
  local window = tonumber(redis.call('GET', 'relay:window') or '32')
  local money, rest, behind = waiting_of(account, window)
  if #money + #rest == 0 and not behind then return end
  local turn = {account = account, window = window, now = now, left = left_to_hand(account, now)}
  if turn.left <= 0 then return end
  local takes, money_waits = 0, false
  for _, one in ipairs(money) do
    takes = takes + math.max(0, math.min(one.live, one.room))
    money_waits = money_waits or one.live > one.room
  end
  money_waits = money_waits or takes >= turn.left
  if money_waits and #rest > 0 then share_out(turn, rest, takes) end
  local live_waits = hand_live(turn, money)
  if money_waits then
    live_waits = live_waits or #rest > 0
  else
    live_waits = hand_live(turn, rest) or live_waits
  end
  if behind and not live_waits then refill_behind(turn) end
end
