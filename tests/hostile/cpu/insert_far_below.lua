--- inserts far below the first item
--- outcome: time

local M = {}

function M.attack()
  while true do
    pcall(table.insert, {}, -2^31, 0)
    pcall(table.insert, {}, 2^40, 0)
  end
end

return M
