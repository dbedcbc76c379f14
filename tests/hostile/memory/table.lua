--- grows a table
--- outcome: memory

function attack()
  local t = {}
  for i = 1, math.huge do t[i] = i end
end

function fine() return 42 end
