-- Two plugins call each other through the host, for ever.
--- outcome: call: overflow

local function over() return host.bounce("attack") end

function attack() return over() end

function fine() return 42 end
