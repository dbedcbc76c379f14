--- tries to match what fails at the end
--- outcome: time

local M = {}

function M.attack()
  local text = ("a"):rep(3000)
  while true do text:match("^(a-)(a-)(a-)(a-)b") end
end

return M
