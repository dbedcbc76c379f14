-- Each call is protected, with a handler that calls on.
--- outcome: runs

local deep
local function handler(text) return deep(text) end
function deep() return xpcall(deep, handler) end

function attack()
  deep()
  return true
end

function fine() return 42 end
