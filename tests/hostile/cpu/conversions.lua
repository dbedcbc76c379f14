--- makes the host read a large table again and again
--- outcome: time

function attack()
  local t = {}
  for i = 1, 200000 do t[i] = i end
  while true do pcall(host.world.scale, t, 1) end
end

function fine() return 42 end
