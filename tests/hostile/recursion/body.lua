-- Its body never ends calling.
--- outcome: load: stack overflow

local function deep() return 1 + deep() end
deep()
