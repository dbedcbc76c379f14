--- iterates over matches, of which there is none
--- outcome: time

local M = {}

function M.attack()
  local text = ("a"):rep(30000)
  while true do for _ in text:gmatch("a?a?a?a-a-a-b") do end end
end

return M
