--- loops in a coroutine that was made before the call
--- outcome: time

local co = coroutine.create(function()
  while true do end
end)
local function again()
  co = coroutine.create(function() while true do end end)
end

function attack()
  if coroutine.status(co) == "dead" then again() end
  while true do coroutine.resume(co) end
end

function fine() return 42 end
