-- The host is called with a deep stack each time.
--- outcome: call: overflow

local function fill(n)
  if n == 0 then return host.call("case", "attack") end
  local got = fill(n - 1)
  return got
end

function attack() return fill(100) end

function fine() return 42 end
