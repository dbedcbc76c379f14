-- Closes what closes what closes.
--- outcome: runs
--- flavours: lua54 lua55

local code = [[
  local function deep()
    local x <close> = setmetatable({}, { __close = function() deep() end })
    error("over")
  end
  return deep
]]
-- Other flavours cannot read it.
local deep = load(code)()

function attack()
  return not pcall(deep)
end

function fine() return 42 end
