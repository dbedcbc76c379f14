--- formats wider than there is room for
--- outcome: time

local M = {}

function M.attack()
  while true do
    pcall(string.format, "%99999999d", 1)
    pcall(string.format, "%.99999999f", 1)
    pcall(string.format, "%" .. ("0"):rep(1000000) .. "d", 1)
  end
end

return M
