--- iterates for ever
--- outcome: time

function attack()
  for _ in function() return 1 end do end
end

function fine() return 42 end
