--- loops in a hook that runs when it goes
--- outcome: runs
--- limit: time

function on_unload()
  while true do pcall(function() while true do end end) end
end

function attack() return true end
return { attack = attack, on_unload = on_unload, fine = function() return 42 end }
