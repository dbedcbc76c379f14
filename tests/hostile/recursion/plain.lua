-- Calls itself, for ever.
--- outcome: call: stack overflow

function attack() return 1 + attack() end

function fine() return 42 end
