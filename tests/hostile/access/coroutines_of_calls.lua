-- Resumes, closes, and wraps the coroutine of its own call.
--- outcome: runs

function attack()
  local call = coroutine.running()
  -- The main coroutine is nil in LuaJIT and Luau.
  if call == nil then return true end
  local ok, text = coroutine.resume(call, true, false, 1)
  assert(not ok and type(text) == "string")
  if coroutine.close then assert(not pcall(coroutine.close, call)) end
  local inside = coroutine.wrap(function()
    return coroutine.resume(call)
  end)
  return inside() == false
end

function fine() return 42 end
