-- Registers in a table that holds itself.
--- outcome: runs

local loop = {}
loop.loop = loop

function attack()
  pcall(host.register, loop)
  return true
end

function fine() return 42 end
