--- fills its memory in calls of its own, through the host
--- outcome: memory

local t = {}

function grow()
  for i = 1, math.huge do t[#t + 1] = ("x"):rep(1000) .. i end
end

function attack()
  t = {}
  while true do pcall(host.call, "case", "grow") end
end

function fine() return 42 end
