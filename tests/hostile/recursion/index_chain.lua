-- A chain of `__index` that ends in itself.
--- outcome: runs

local t = {}
setmetatable(t, { __index = t })
local long = {}
for _ = 1, 100000 do long = setmetatable({}, { __index = long }) end

function attack()
  local a, first = pcall(function() return t.x end)
  local b, second = pcall(function() return long.x end)
  return not a and not b and type(first) == "string" and type(second) == "string"
end

function fine() return 42 end
