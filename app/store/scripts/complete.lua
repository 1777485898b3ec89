-- After a call: its results, its exchanges, and the end of its announcement, under the fencing token.
-- ARGV: tid, token, row whose announcement ends ('' = none), lease ms, n, (key field value){n}, m, exchange{m}
local tid, token, row = ARGV[1], ARGV[2], ARGV[3]
if not owns(tid, token) then return 0 end
local now = clock()
if row ~= '' then redis.call('HDEL', row, 'fs', 'fa', 'ft', 'fl', 'fe') end
local i = 5
for _ = 1, tonumber(ARGV[i]) do
  redis.call('HSET', ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  i = i + 3
end
i = i + 1
for n = 1, tonumber(ARGV[i]) do redis.call('RPUSH', 'x:' .. tid, ARGV[i + n]) end
extend_lease(tid, now, tonumber(ARGV[4]))
return 1
