--- removes the first of a list whose length is made up
--- outcome: time

local M = {}

function M.attack()
  local list = setmetatable({}, { __len = function() return 2^53 end, __index = type, __newindex = type })
  while true do table.remove(list, 1) end
end

return M
