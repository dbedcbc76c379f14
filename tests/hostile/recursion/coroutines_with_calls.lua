-- Coroutines within coroutines, each with a deep stack.
--- outcome: runs

local function fill(n, f, ...)
  if n == 0 then return f(...) end
  local got = fill(n - 1, f, ...)
  return got
end

local function deep(n)
  local got = fill(10, coroutine.wrap(deep), n + 1)
  return got
end

function attack()
  return not pcall(deep, 1)
end

function fine() return 42 end
