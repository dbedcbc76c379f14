--- loops in each metamethod that an operator runs
--- outcome: time

local function spin()
  while true do end
end
local meta = {}
for _, name in ipairs {
  "__index", "__newindex", "__call", "__concat", "__unm", "__add", "__eq", "__lt", "__le", "__len",
} do
  meta[name] = spin
end
local t, other = setmetatable({}, meta), setmetatable({}, meta)
local uses = {
  function() return t.x end,
  function() t.x = 1 end,
  function() return t() end,
  function() return t .. "x" end,
  function() return -t end,
  function() return t + 1 end,
  function() return t == other end,
  function() return t < other end,
  function() return t <= other end,
}
local at = 0

-- Another one each time: the first that was stopped is not tried again.
function attack()
  at = at % #uses + 1
  while true do pcall(uses[at]) end
end

function fine() return 42 end
