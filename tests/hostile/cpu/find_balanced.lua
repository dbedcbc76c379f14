--- looks for brackets that are never closed
--- outcome: time

local M = {}

function M.attack()
  local text = ("("):rep(1000000)
  while true do text:find("%b()") end
end

return M
