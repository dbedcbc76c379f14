--- looks for what is not there in each way that there is
--- outcome: time

local M = {}

function M.attack()
  local text = ("a"):rep(3000)
  while true do text:find("a*a*a*a*b") end
end

return M
