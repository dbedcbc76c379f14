--- sorts texts that differ at their end
--- outcome: time

local M = {}

function M.attack()
  local long = ("a"):rep(8000000)
  local texts = { long .. "a", long .. "b", long .. "c" }
  local list = {}
  for i = 1, 3000 do list[i] = texts[i % 3 + 1] end
  while true do table.sort(list) end
end

return M
