--- joins a long text
--- outcome: memory

function attack()
  local parts = {}
  for i = 1, 1000 do parts[i] = ("x"):rep(100000) end
  table.concat(parts)
end

function fine() return 42 end
