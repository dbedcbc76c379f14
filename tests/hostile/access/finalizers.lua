-- Has a function run by the collector, in the middle of anything.
--- outcome: runs

-- Luau knows none: the name means nothing there.
local refuses = not _VERSION:find("Luau", 1, true)
local ran = false
local function finalize() ran = true end

local function grow()
  local kept
  for i = 1, 200000 do kept = { kept and i } end
end

function attack()
  for _, value in ipairs { finalize, true, false, "text", 1 } do
    local ok, text = pcall(setmetatable, {}, { __gc = value })
    assert(ok ~= refuses, text)
    assert(ok or text:find("a metatable with `__gc` is not allowed here", 1, true), text)
  end
  -- Put there later, found by another metatable, or in one that says it has none.
  local late = {}
  for _ = 1, 100 do setmetatable({}, late) end
  late.__gc = finalize
  for _ = 1, 100 do setmetatable({}, setmetatable({}, { __index = { __gc = finalize } })) end
  local shy = setmetatable({}, { __metatable = false })
  shy.__gc = finalize
  assert(pcall(setmetatable, {}, shy) ~= refuses)
  late, shy = nil, nil
  grow()
  return not ran
end

function fine() return 42 end
