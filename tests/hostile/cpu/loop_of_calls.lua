--- calls in a loop
--- outcome: time

local function step() end

function attack()
  while true do step() end
end

function fine() return 42 end
