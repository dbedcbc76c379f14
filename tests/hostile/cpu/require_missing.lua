--- requires what is not there
--- outcome: time

function attack()
  while true do pcall(require, "missing") end
end

function fine() return 42 end
