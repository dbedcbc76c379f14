-- Has a function run by the collector, which Luau does not know.
--- outcome: runs
--- flavours: luau

local ran = false
local function finalize() ran = true end

local function grow()
  local kept
  for i = 1, 200000 do kept = { kept and i } end
end

function attack()
  for _, value in ipairs { finalize, true, "text" } do
    setmetatable({}, { __gc = value })
    assert(pcall(setmetatable, {}, { __gc = value }))
  end
  grow()
  return not ran
end

function fine() return 42 end
