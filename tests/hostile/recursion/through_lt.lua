-- A `__lt` that needs itself.
--- outcome: call: overflow

local meta = {}
meta.__lt = function(t, other) local less = t < other return less end
local t, other = setmetatable({}, meta), setmetatable({}, meta)

function attack()
  local got = t < other
  return got
end

function fine() return 42 end
