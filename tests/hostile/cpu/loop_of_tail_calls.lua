--- calls itself for ever, without a deeper stack
--- outcome: time

local function round()
  return round()
end

function attack() round() end

function fine() return 42 end
