--- replaces by very many empty captures
--- outcome: time

local M = {}

function M.attack()
  local text, replacement = ("a"):rep(1000000), ("%1"):rep(100000)
  while true do text:gsub("(b*)a", replacement) end
end

return M
