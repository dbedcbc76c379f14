--- loops in the handler of an error
--- outcome: time

function attack()
  local function handle()
    while true do end
  end
  while true do xpcall(error, handle, "again") end
end

function fine() return 42 end
