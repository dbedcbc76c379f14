--- loops in what runs at the end of a block
--- outcome: time
--- flavours: lua54 lua55

local forever = setmetatable({}, { __close = function()
  while true do end
end })

function attack()
  while true do
    pcall(function()
      local kept <close> = forever
      error("again")
    end)
  end
end

function fine() return 42 end
