--- asks for what would run when it is collected
--- outcome: runs
--- flavours: lua54 lua55 luajit

function attack()
  local spin = function()
    while true do end
  end
  assert(not pcall(setmetatable, {}, { __gc = spin }))
  local late = {}
  setmetatable({}, late)
  late.__gc = spin
  assert(not pcall(setmetatable, {}, late))
  return true
end

function fine() return 42 end
