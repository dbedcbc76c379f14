--- loops in what runs when a wrapped coroutine fails
--- outcome: time
--- flavours: lua54 lua55

local forever = setmetatable({}, { __close = function()
  while true do end
end })

function attack()
  while true do
    pcall(coroutine.wrap(function()
      local kept <close> = forever
      coroutine.yield(error("again"))
    end))
  end
end

function fine() return 42 end
