--- catches what stops it, deep down
--- outcome: time

local function f()
  while true do pcall(f) end
end

function attack() f() end

function fine() return 42 end
