--- asks the host table for what it has not
--- outcome: time

function attack()
  while true do pcall(function() return host.nothing end) end
end

function fine() return 42 end
