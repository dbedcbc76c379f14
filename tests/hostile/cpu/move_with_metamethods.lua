--- moves what metamethods in C make up
--- outcome: time

local M = {}

function M.attack()
  local list = setmetatable({}, { __index = type, __newindex = type })
  while true do table.move(list, 1, 2^30, 2, list) end
end

return M
