-- Changes what nil, numbers, booleans, functions and coroutines are.
--- outcome: runs

function attack()
  local values = { 1, 1.5, true, false, print, attack, coroutine.create(print), coroutine.running() }
  for i = 1, 8 do
    local value = values[i]
    if value ~= nil then
      assert(not getmetatable(value), i)
      assert(not pcall(setmetatable, value, {}), i)
      assert(not pcall(rawset, value, 1, 1), i)
      assert(not pcall(rawget, value, 1), i)
    end
  end
  return not getmetatable(nil) and not pcall(setmetatable, nil, {})
end

function fine() return 42 end
