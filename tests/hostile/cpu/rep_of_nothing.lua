--- repeats nothing as often as it can
--- outcome: time

local M = {}

function M.attack()
  while true do
    string.rep("", 2^53)
    string.rep("", 2^53, "")
  end
end

return M
