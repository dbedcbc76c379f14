--- loops in what runs when it is stopped
--- outcome: time
--- flavours: lua54 lua55

local function spin()
  while true do end
end

function attack()
  local outer <close> = setmetatable({}, { __close = spin })
  while true do
    pcall(function()
      local kept <close> = setmetatable({}, { __close = spin })
      table.sort({ 3, 2, 1 }, spin)
    end)
  end
end

function fine() return 42 end
