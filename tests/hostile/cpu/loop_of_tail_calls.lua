--- calls itself for ever, without a deeper stack
--- outcome: time
--- flavours: lua54 lua55 luajit
-- Luau has none.

local function round()
  return round()
end

function attack() round() end

function fine() return 42 end
