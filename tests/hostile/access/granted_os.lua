-- Ends its host with what it was granted.
--- outcome: call: os.exit: a plugin does not end its host
--- flavours: lua54 lua55 luajit
--- permissions: os

function attack()
  os.exit(1, true)
end

function fine() return 42 end
