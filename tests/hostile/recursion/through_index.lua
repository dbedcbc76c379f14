-- A `__index` that needs itself.
--- outcome: call: overflow

local meta = {}
meta.__index = function(t) local got = t.x return got end
local t, other = setmetatable({}, meta), setmetatable({}, meta)

function attack()
  local got = t.x
  return got
end

function fine() return 42 end
