--- replaces what is never there
--- outcome: time

local M = {}

function M.attack()
  local text = ("a"):rep(30000)
  while true do text:gsub(".-.-.-b", "") end
end

return M
