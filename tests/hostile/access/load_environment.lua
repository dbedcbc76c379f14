-- Reaches globals that are not its own through `load`.
--- outcome: runs
--- flavours: lua54 lua55 luajit

own = "own"

function attack()
  assert(load("return _G")() == _G)
  assert(load("return own")() == "own")
  assert(load("return own", "chunk", "t", nil) == nil or not pcall(load("return own", "chunk", "t", nil)))
  assert(load("return own", "chunk", "t", {})() == nil)
  load("leaked = own")()
  local leaked = leaked == "own"
  _G.leaked = nil
  return leaked
end

function fine() return 42 end
