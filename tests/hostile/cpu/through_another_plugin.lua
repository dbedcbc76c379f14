--- loops in a call through another plugin
--- outcome: time

function spin()
  while true do end
end

function attack()
  while true do pcall(host.bounce, "spin") end
end

function fine() return 42 end
