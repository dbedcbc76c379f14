-- Coroutines within coroutines.
--- outcome: runs

local function deep(n)
  return coroutine.wrap(deep)(n + 1)
end

function attack()
  local ok, text = pcall(deep, 1)
  return not ok and type(text) == "string"
end

function fine() return 42 end
