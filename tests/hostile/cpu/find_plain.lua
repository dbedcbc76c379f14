--- looks for a long text that is nearly there, everywhere
--- outcome: time

local M = {}

function M.attack()
  local text, sought = ("a"):rep(2^23), ("a"):rep(2^22) .. "b"
  while true do
    text:find(sought, 1, true)
    text:find(sought)
  end
end

return M
