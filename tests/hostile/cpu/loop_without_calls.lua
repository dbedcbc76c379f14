--- counts, without a call and without a table
--- outcome: time

function attack()
  local n = 0
  for i = 1, math.huge do n = n + i end
end

function fine() return 42 end
