--- sorts with an order that is a C function
--- outcome: time

local M = {}

function M.attack()
  local list = {}
  for i = 1, 1000000 do list[i] = i * 7919 % 1000003 end
  while true do table.sort(list, rawequal) end
end

return M
