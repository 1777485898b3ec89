-- Closes an account's gate for a while, by the store's own clock, which the dispatcher's round asks too.
-- ARGV: account, reason, text, ms, then the reasons, the lesser first
-- A lesser reason than that of a closed gate changes nothing; since when it is closed stays.
local key, reason, now = 'g:' .. ARGV[1], ARGV[2], clock()
local rank = {}
for n = 5, #ARGV do rank[ARGV[n]] = n end
local closed = redis.call('HMGET', key, 'state', 'reason')
if closed[1] == 'closed' and rank[closed[2]] > rank[reason] then return 0 end
redis.call('HSET', key, 'state', 'closed', 'reason', reason, 'text', ARGV[3], 'until', text(now + tonumber(ARGV[4])))
redis.call('HSETNX', key, 'since', text(now))
return 1
