--- looks for a capture twice
--- outcome: time

local M = {}

function M.attack()
  local text = ("a"):rep(100000)
  while true do text:find("(a*)%1b") end
end

return M
