--- sends and receives for ever
--- outcome: time

function attack()
  local numbers = host.channel("numbers")
  while true do
    numbers:send(1)
    numbers:recv()
  end
end

function fine() return 42 end
