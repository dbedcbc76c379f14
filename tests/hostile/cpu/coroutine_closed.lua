--- loops in what runs when a coroutine is closed
--- outcome: time
--- flavours: lua54 lua55

local forever = setmetatable({}, { __close = function()
  while true do end
end })

function attack()
  while true do
    local co = coroutine.create(function()
      local kept <close> = forever
      coroutine.yield()
    end)
    coroutine.resume(co)
    pcall(coroutine.close, co)
  end
end

function fine() return 42 end
