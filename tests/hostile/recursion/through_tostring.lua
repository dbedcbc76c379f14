-- A `__tostring` that needs itself.
--- outcome: call: overflow

local meta = {}
meta.__tostring = function(t) local got = tostring(t) return got end
local t, other = setmetatable({}, meta), setmetatable({}, meta)

function attack()
  local got = tostring(t)
  return got
end

function fine() return 42 end
