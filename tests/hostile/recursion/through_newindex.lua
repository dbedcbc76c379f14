-- A `__newindex` that needs itself.
--- outcome: call: overflow

local meta = {}
meta.__newindex = function(t) t.x = 1 end
local t, other = setmetatable({}, meta), setmetatable({}, meta)

function attack()
  t.x = 1
end

function fine() return 42 end
