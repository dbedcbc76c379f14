--- asks for what would run when it is collected
--- outcome: runs

-- Luau knows none: the name means nothing there.
local refuses = not _VERSION:find("Luau", 1, true)

function attack()
  local spin = function()
    while true do end
  end
  assert(pcall(setmetatable, {}, { __gc = spin }) ~= refuses)
  local late = {}
  setmetatable({}, late)
  late.__gc = spin
  assert(pcall(setmetatable, {}, late) ~= refuses)
  return true
end

function fine() return 42 end
