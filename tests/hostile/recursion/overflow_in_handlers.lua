-- Fails with the stack full, so that the handler has no room.
--- outcome: runs

local function deep() return 1 + deep() end

function attack()
  assert(not xpcall(deep, function(text) return tostring(text) .. ("x"):rep(1000) end))
  return true
end

function fine() return 42 end
