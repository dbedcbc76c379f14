--- throws what loops when it is turned into text
--- outcome: time

local t = setmetatable({}, { __tostring = function()
  while true do end
end })

function attack() error(t) end

function fine() return 42 end
