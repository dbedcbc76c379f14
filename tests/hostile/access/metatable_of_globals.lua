-- Changes what the globals stand on.
--- outcome: runs

function attack()
  assert(not getmetatable(_G))
  assert(not pcall(setmetatable, _G, {}))
  assert(not pcall(setmetatable, _G, nil))
  return true
end

function fine() return 42 end
