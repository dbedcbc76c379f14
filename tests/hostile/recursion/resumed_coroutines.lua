-- Coroutines within coroutines, each of which goes on after its own has failed.
--- outcome: runs

local most = 0
local function deep(n)
  most = n
  local co = coroutine.create(deep)
  local ok, text = coroutine.resume(co, n + 1)
  return n
end

function attack()
  most = 0
  deep(1)
  return most > 10
end

function fine() return 42 end
