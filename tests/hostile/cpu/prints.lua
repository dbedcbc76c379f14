--- prints for ever
--- outcome: time

function attack()
  while true do print() end
end

function fine() return 42 end
