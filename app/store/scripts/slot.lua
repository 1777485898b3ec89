-- Books one request of the account's budget for work that is no transmission. ARGV: account, interval ms, burst
-- Answers the milliseconds to wait before it may be made.
local account, interval, burst = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local tat = math.max(tonumber(redis.call('GET', 'b:' .. account) or '0'), now)
redis.call('SET', 'b:' .. account, text(tat + interval), 'PX', text(tat + interval - now + 60000))
redis.call('HINCRBY', 'n:requests', account, 1)
return math.max(0, math.ceil(tat - now - interval * (burst - 1)))
