-- A row of the ledger as a copy of it may be kept: without its line and leases, and without the facts whose
-- transmissions are not over, since these are not copied: told again, they are made anew. ARGV: key
-- Answers {its end in ms since 1970 or less than 0, field, value, ...}; {} when there is no such row.
local flat = redis.call('HGETALL', ARGV[1])
if #flat == 0 then return {} end
local OVER = {delivered = true, discarded = true, ['done by hand'] = true}
local LEFT_OUT = {q = true, lk = true}
for i = 1, #flat, 2 do
  local kind = string.match(flat[i], '^f:(.+)')
  local state = kind and redis.call('HGET', 't:' .. flat[i + 1], 'st')
  if state and not OVER[state] then
    for _, letter in ipairs({'f:', 'w:', 'v:'}) do LEFT_OUT[letter .. kind] = true end
  end
end
local answer = {redis.call('PEXPIRETIME', ARGV[1])}
for i = 1, #flat, 2 do
  if not LEFT_OUT[flat[i]] then
    answer[#answer + 1] = flat[i]
    answer[#answer + 1] = flat[i + 1]
  end
end
return answer
