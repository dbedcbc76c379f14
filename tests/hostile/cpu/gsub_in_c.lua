--- replaces by a C function
--- outcome: time

local M = {}

function M.attack()
  local text = ("a"):rep(50000000)
  while true do text:gsub("a", tostring) end
end

return M
