--- gives the host values whose metamethods loop: none of them runs
--- outcome: runs

local function spin()
  while true do end
end
local meta = {}
for _, name in ipairs { "__index", "__len", "__pairs", "__iter", "__tostring", "__eq", "__call" } do
  meta[name] = spin
end

function give() return setmetatable({ 1, 2, list = setmetatable({ 3 }, meta) }, meta) end

function attack()
  local given = host.call("case", "give")
  assert(given[1] == 1 and given.list[1] == 3)
  return true
end

function fine() return 42 end
