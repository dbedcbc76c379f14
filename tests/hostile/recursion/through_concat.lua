-- A `__concat` that needs itself.
--- outcome: call: overflow

local meta = {}
meta.__concat = function(t) local got = t .. t return got end
local t, other = setmetatable({}, meta), setmetatable({}, meta)

function attack()
  local got = t .. t
  return got
end

function fine() return 42 end
