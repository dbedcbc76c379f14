--- fails in the handler, whose handler it is
--- outcome: time

function attack()
  local function handle()
    pcall(function() while true do end end)
    error("again")
  end
  while true do xpcall(error, handle, "again") end
end

function fine() return 42 end
