--- looks for a set of a million bytes
--- outcome: time

local M = {}

function M.attack()
  local text, set = ("a"):rep(1000000), "[" .. ("b"):rep(1000000) .. "]"
  while true do text:find(set .. "*" .. set) end
end

return M
