--- loops in a coroutine
--- outcome: time

function attack()
  while true do
    coroutine.resume(coroutine.create(function()
      while true do end
    end))
  end
end

function fine() return 42 end
