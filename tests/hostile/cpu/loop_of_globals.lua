--- writes globals
--- outcome: time

function attack()
  while true do Count = (Count or 0) + 1 end
end

function fine() return 42 end
