--- loops in coroutines within coroutines
--- outcome: time

local function deeper(n)
  if n == 0 then
    while true do end
  end
  while true do
    coroutine.resume(coroutine.create(function() deeper(n - 1) end))
  end
end

function attack() deeper(10) end

function fine() return 42 end
