--- loops in the handler of what stops it
--- outcome: time

local function spin()
  while true do end
end

function attack()
  while true do xpcall(spin, spin) end
end

function fine() return 42 end
