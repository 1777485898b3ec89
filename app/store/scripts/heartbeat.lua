-- A receiver is there; a gap since the last beat is written down. ARGV: mark, shortest gap in ms
local refused = check_instance(ARGV[1])
if refused then return refused end
local now = clock()
local last = tonumber(redis.call('GET', 'receiver:alive') or now)
redis.call('SET', 'receiver:alive', text(now))
if now - last <= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', 'receiver:gaps', now, text(last) .. ' ' .. text(now))
redis.call('ZREMRANGEBYSCORE', 'receiver:gaps', '-inf', now - 30 * 86400000)
return 1
