--- returns what leads to itself from many places
--- outcome: memory

function attack()
  local t = { "leaf" }
  for _ = 1, 60 do t = { t, t } end
  return t
end

function fine() return 42 end
