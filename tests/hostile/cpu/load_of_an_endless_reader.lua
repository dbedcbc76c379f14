--- compiles what a C function reads, which never ends
--- outcome: time

local M = {}

function M.attack()
  while true do pcall(load or type, os.clock) end
end

return M
