--- loads a text whose one number never ends
--- outcome: memory
--- flavours: lua54 lua55 luajit

function attack()
  while true do
    load(function() return ("1"):rep(100000) end)
  end
end

function fine() return 42 end
