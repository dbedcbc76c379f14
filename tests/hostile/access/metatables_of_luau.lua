-- Changes what buffers and vectors are.
--- outcome: runs
--- flavours: luau

function attack()
  assert(not getmetatable(buffer.create(1)))
  local metatable = getmetatable(vector.create(1, 2, 3))
  if metatable then
    assert(table.isfrozen(metatable))
    assert(not pcall(rawset, metatable, "__index", print))
    assert(not pcall(function() metatable.__gc = print end))
  end
  return not pcall(setmetatable, vector.create(1, 2, 3), {})
end

function fine() return 42 end
