-- Changes what all strings of the VM are.
--- outcome: runs

function attack()
  local metatable = getmetatable("")
  assert(type(metatable) ~= "table" and not metatable)
  assert(not pcall(setmetatable, "", {}))
  assert(not pcall(function() ("").key = 1 end))
  assert(not pcall(rawset, "", "key", 1))
  return ("x"):rep(2) == "xx"
end

function fine() return 42 end
