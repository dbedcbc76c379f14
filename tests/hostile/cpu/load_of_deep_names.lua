--- compiles a text whose names are looked for in very many scopes
--- outcome: time

local M = {}

function M.attack()
  local locals = {}
  for i = 1, 150 do locals[i] = "v" .. i end
  local open = "return function() local " .. table.concat(locals, ",") .. "\n"
  local text = open:rep(150) .. ("x=x\n"):rep(300000) .. ("end "):rep(150)
  while true do pcall(load or type, text) end
end

return M
