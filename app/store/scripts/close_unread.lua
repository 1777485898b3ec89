-- A person ends what lies in quarantine: it is thrown away, or it was read after all. What it was, who said so
-- and why stays for a while, its body a shorter one.
-- ARGV: eid, state (discarded|read), actor, why, payload seconds, exchange seconds, reason, merchant
-- Answers 1, or 0 if it is not there.
local eid, now = ARGV[1], clock()
local arrived = redis.call('ZSCORE', 'quarantine', eid)
if not arrived then return 0 end
redis.call('ZREM', 'quarantine', eid)
redis.call('EXPIRE', 'q:' .. eid, ARGV[5])
redis.call('HSET', 'qc:' .. eid, 'st', ARGV[2], 'by', ARGV[3], 'wy', ARGV[4], 'ct', text(now), 'ar', arrived,
  're', ARGV[7], 'me', ARGV[8])
redis.call('EXPIRE', 'qc:' .. eid, ARGV[6])
redis.call('ZADD', 'quarantine:closed', now, eid)
redis.call('ZREMRANGEBYSCORE', 'quarantine:closed', '-inf', now - tonumber(ARGV[6]) * 1000)
return 1
