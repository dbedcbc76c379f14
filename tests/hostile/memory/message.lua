--- sends what leads to itself from many places
--- outcome: memory

function attack()
  local t = { "leaf" }
  for _ = 1, 60 do t = { t, t } end
  while true do
    pcall(function() host.channel("numbers"):send(t) end)
  end
end

function fine() return 42 end
