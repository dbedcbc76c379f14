--- formats one byte each of long texts
--- outcome: time

local M = {}

function M.attack()
  local unpack = table.unpack or unpack
  local text, list = ("a"):rep(2^25), {}
  for i = 1, 5000 do list[i] = text end
  local format = ("%.1s"):rep(#list)
  while true do pcall(string.format, format, unpack(list)) end
end

return M
