--- yields in a loop
--- outcome: time

function attack()
  local step = coroutine.wrap(function()
    while true do coroutine.yield() end
  end)
  while true do step() end
end

function fine() return 42 end
