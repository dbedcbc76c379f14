-- A handler that fails, whose failure is handled by a handler that fails.
--- outcome: runs

local function handler() error("again") end

function attack()
  assert(not xpcall(error, handler))
  assert(not xpcall(function() local x = nil .. "" end, handler))
  local function deep() return 1 + deep() end
  assert(not xpcall(deep, deep))
  return true
end

function fine() return 42 end
