-- Two functions call each other.
--- outcome: call: stack overflow

local other
local function one() return 1 + other() end
function other() return 1 + one() end
attack = one

function fine() return 42 end
