--- catches what stops it, with pcall itself
--- outcome: time

function attack()
  while true do pcall(pcall, pcall, function() while true do end end) end
end

function fine() return 42 end
