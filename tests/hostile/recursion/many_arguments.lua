-- Each call takes as much of the stack as it may.
--- outcome: runs

local unpack = table.unpack or unpack
local many = {}
for i = 1, 200 do many[i] = i end

local function deep(...)
  return 1 + deep(unpack(many))
end

function attack()
  local ok, text = pcall(deep)
  return not ok and type(text) == "string"
end

function fine() return 42 end
