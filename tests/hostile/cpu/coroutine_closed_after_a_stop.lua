--- closes a coroutine that was stopped where nothing can yield
--- outcome: time
--- flavours: lua54 lua55

local function spin()
  while true do end
end
local forever = setmetatable({}, { __close = spin })

function attack()
  while true do
    local co = coroutine.create(function()
      local kept <close> = forever
      table.sort({ 3, 2, 1 }, spin)
    end)
    pcall(coroutine.resume, co)
    pcall(coroutine.close, co)
  end
end

function fine() return 42 end
