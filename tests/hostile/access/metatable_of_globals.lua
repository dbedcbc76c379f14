-- Reaches the library's own globals through a metatable for its own.
--- outcome: runs

local seen = {}
local function note(globals, name) seen[#seen + 1] = globals end

function attack()
  local before = getmetatable(_G)
  assert(rawget(before, "__index") == nil and rawget(before, "__metatable") == nil)
  before.__index, before.__newindex = note, note
  local nothing = no_such_name
  no_such_name = 1
  setmetatable(_G, { __index = note, __newindex = note })
  nothing = no_such_name
  no_such_name = 1
  for _, globals in ipairs(seen) do assert(globals == _G) end
  assert(#seen == 4 and no_such_name == nil)
  -- What the library has is not asked for.
  setmetatable(_G, { __index = function() error("asked") end })
  assert(print and string.format and host.world)
  assert(not pcall(setmetatable, _G, 5))
  -- Luau knows no finalizers.
  assert(_VERSION:find("Luau", 1, true) or not pcall(setmetatable, _G, { __gc = print }))
  setmetatable(_G, nil)
  seen = {}
  return no_such_name == nil and host.call("bystander", "fine") == 42
end

function fine() return 42 end
