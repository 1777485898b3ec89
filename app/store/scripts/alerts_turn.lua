-- Takes the turn to look for alerts if nobody has it. ARGV: mark, token, turn ms
-- Answers the book of alerts ('' = none yet), or nil while another process has the turn.
local refused = check_instance(ARGV[1])
if refused then return refused end
if not redis.call('SET', 'alerts:turn', ARGV[2], 'NX', 'PX', ARGV[3]) then return false end
return redis.call('GET', 'alerts:book') or ''
