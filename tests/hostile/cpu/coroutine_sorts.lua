--- loops in a comparison within a coroutine, where nothing can yield
--- outcome: time

local function spin()
  while true do end
end

function attack()
  while true do
    local co = coroutine.create(function() table.sort({ 3, 2, 1 }, spin) end)
    coroutine.resume(co)
    if coroutine.close then coroutine.close(co) end
  end
end

function fine() return 42 end
