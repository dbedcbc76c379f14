--- splits at a long text that is nearly there, everywhere
--- outcome: time

local M = {}

function M.attack()
  local text, separator = ("a"):rep(2^23), ("a"):rep(2^22) .. "b"
  local split = string.split or string.find
  while true do split(text, separator) end
end

return M
