-- Reaches globals that are not its own through `load`.
--- outcome: runs
--- flavours: lua54 lua55 luajit

own = "own"

function attack()
  assert(load("return _G")() == _G)
  assert(load("return own")() == "own")
  -- None, or one that is none: Lua 5.4 then has no globals, LuaJIT the script's.
  for i = 1, 4 do
    local environment = ({ nil, 5, "text", print })[i]
    local chunk = load("leaked = 1 return print", "chunk", "t", environment)
    pcall(chunk)
    assert(chunk == nil or leaked == 1 or not pcall(chunk), i)
    leaked = nil
    assert(leaked == nil, i)
  end
  assert(load("return own", "chunk", "t", {})() == nil)
  load("leaked = own")()
  local leaked = leaked == "own"
  _G.leaked = nil
  return leaked
end

function fine() return 42 end
