-- A write that must reach the disk like any other. ARGV: mark
local refused = check_instance(ARGV[1])
if refused then return refused end
redis.call('SET', 'relay:ready', clock(), 'EX', 60)
return 1
