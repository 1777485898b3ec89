-- Writes the book of alerts, for whoever has the turn. What a message says and that it is to be sent are one
-- write, so that nothing is told twice, and nothing is forgotten by a process that dies between the two.
-- ARGV: token, book, ms until the next turn (0 = the turn goes on), sample ('' = none), its time ms, oldest ms
local token, book, rest, sample, at, oldest = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if redis.call('GET', 'alerts:turn') ~= token then return 0 end
redis.call('SET', 'alerts:book', book)
if sample ~= '' then
  redis.call('ZADD', 'alerts:samples', at, sample)
  redis.call('ZREMRANGEBYSCORE', 'alerts:samples', '-inf', '(' .. oldest)
end
if rest ~= '0' then redis.call('SET', 'alerts:turn', 'nobody', 'PX', rest) end
return 1
