--- loops in a wrapped coroutine
--- outcome: time

function attack()
  while true do
    pcall(coroutine.wrap(function()
      while true do end
    end))
  end
end

function fine() return 42 end
