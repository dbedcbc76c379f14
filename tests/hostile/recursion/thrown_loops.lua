-- Throws a value that holds itself.
--- outcome: call: round and round

local loop = { message = "round and round" }
loop.loop = loop

function attack() error(loop) end

function fine() return 42 end
