--- loops
--- outcome: time

function attack()
  while true do end
end

function fine() return 42 end
