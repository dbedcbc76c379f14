--- moves items that are not there
--- outcome: time

local M = {}

function M.attack()
  while true do table.move({}, 1, 2^30, 2) end
end

return M
