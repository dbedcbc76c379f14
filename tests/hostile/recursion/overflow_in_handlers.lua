-- Fails with the stack full, so that the handler has no room.
--- outcome: runs

local function deep() return 1 + deep() end

function attack()
  local ok, text = pcall(deep)
  assert(not ok and text:find("stack overflow", 1, true), text)
  assert(not xpcall(deep, function(text) return tostring(text) .. ("x"):rep(1000) end))
  return true
end

function fine() return 42 end
