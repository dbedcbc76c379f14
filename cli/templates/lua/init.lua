-- The plugin {{name}}: what this table holds is what it exports.

local M = {}

--- Greets.
---@param name string
---@return string
function M.hello(name)
  return "Hello, " .. name .. "!"
end

return M
