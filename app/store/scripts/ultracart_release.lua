-- After a request to UltraCart: the next one may go, at once or after a rest. Only the holder may say so;
-- who was so late that its lease ended changes nothing but the rest.
-- ARGV: merchant, token, rest ms
local merchant, token, rest = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('GET', 'uc:lock') == token then redis.call('DEL', 'uc:lock') end
if rest > 0 and redis.call('PTTL', 'uc:rest:' .. merchant) < rest then
  redis.call('SET', 'uc:rest:' .. merchant, token, 'PX', rest)
end
return 'done'
