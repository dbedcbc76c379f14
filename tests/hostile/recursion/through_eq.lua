-- A `__eq` that needs itself.
--- outcome: call: overflow

local meta = {}
meta.__eq = function(t, other) local same = t == other return same end
local t, other = setmetatable({}, meta), setmetatable({}, meta)

function attack()
  local got = t == other
  return got
end

function fine() return 42 end
