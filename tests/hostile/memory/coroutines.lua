--- makes coroutines
--- outcome: memory

function attack()
  local all = {}
  while true do
    local co = coroutine.create(function() coroutine.yield() end)
    coroutine.resume(co)
    all[#all + 1] = co
  end
end

function fine() return 42 end
