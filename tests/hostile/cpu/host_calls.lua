--- calls the host for ever, and is called back
--- outcome: time

function back() return 1 end

function attack()
  while true do pcall(host.call, "case", "back") end
end

function fine() return 42 end
