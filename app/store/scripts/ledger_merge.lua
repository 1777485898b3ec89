-- Brings a row of an exported ledger into this store: what either knows to be done is done. What this store
-- knows is newer and stays. ARGV: mark, key, end in ms since 1970 (<= 0: none), (field value)*
-- Answers {'new'|'merged'|'known'} or {'contradicts', field, ours, theirs}; then nothing is written.
local refused = check_instance(ARGV[1])
if refused then return refused end
local key, ends = ARGV[2], tonumber(ARGV[3])
local kind_of_row = string.match(key, '^(%a+):')
local ours, theirs, any = {}, {}, false
local flat = redis.call('HGETALL', key)
for i = 1, #flat, 2 do
  ours[flat[i]] = flat[i + 1]
  any = true
end
for i = 4, #ARGV, 2 do theirs[ARGV[i]] = ARGV[i + 1] end

-- Two invoices of one order, two products of one item: a person has to look.
local ONE = {['x:sale'] = true, ['x:refund'] = true}
for field, value in pairs(theirs) do
  local mine = ours[field]
  if (ONE[field] or kind_of_row == 'p') and mine and mine ~= '' and value ~= '' and mine ~= value then
    return {'contradicts', field, mine, value}
  end
end

local written = false
local function write(field, value)
  redis.call('HSET', key, field, value)
  written = true
end

-- What is under way here is known here; a row that is known says best what it waits for.
local IN_FLIGHT = {fs = true, fa = true, ft = true, fl = true, fe = true}
local GROWS = {['x:refunded'] = true, ['x:shown'] = true}
local another_contact = kind_of_row == 'c' and (ours.id or '') ~= '' and ours.id ~= theirs.id

local function invoices()
  local known, line = {}, ours.inv or ''
  for id in string.gmatch(line, '%S+') do known[id] = true end
  for id in string.gmatch(theirs.inv or '', '%S+') do
    if not known[id] then line = line == '' and id or (line .. ' ' .. id) end
  end
  return line
end

for field, value in pairs(theirs) do
  local letter, name = string.match(field, '^([fwvhs]):(.+)')
  -- A fact with its content and age, a group of fields with its age: both or none.
  local leader = kind_of_row == 'c' and name and ours['h:' .. name] or name and ours['f:' .. name]
  if another_contact or (any and IN_FLIGHT[field]) or (letter and leader) then
    -- Ours stays.
  elseif not ours[field] then
    write(field, value)
  elseif GROWS[field] and tonumber(value) > tonumber(ours[field]) then
    write(field, value)
  elseif field == 'inv' and invoices() ~= ours.inv then
    write(field, invoices())
  end
end
if not any and ends > 0 then redis.call('PEXPIREAT', key, text(ends)) end
return {not any and 'new' or written and 'merged' or 'known'}
