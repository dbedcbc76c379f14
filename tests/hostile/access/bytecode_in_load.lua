-- Gives `load` bytecode, in every way that it takes code.
--- outcome: runs
--- flavours: lua54 lua55 luajit

function attack()
  for _, code in ipairs { "\27Lua", "\27LuaT\0\25\147", "\27LJ\2", "\27" } do
    for _, mode in ipairs { "b", "bt", "t", "" } do
      assert(load(code, "code", mode) == nil, mode)
      assert(load(code, "code", mode, {}) == nil, mode)
    end
    assert(load(code) == nil)
    assert(loadstring(code) == nil)
    local given = false
    local function reader()
      if not given then given = true return code end
    end
    assert(load(reader, "code", "b") == nil)
    local bytes, at = { code:byte(1, -1) }, 0
    assert(load(function()
      at = at + 1
      return bytes[at] and string.char(bytes[at])
    end, "code", "bt", {}) == nil)
  end
  return true
end

function fine() return 42 end
