-- Runs a function, and shows what it gives or raises.

local select, tostring, type, pcall, pairs, concat, sort = select, tostring, type, pcall, pairs, table.concat, table.sort

local function one(value)
  if type(value) ~= "table" then return type(value) .. " " .. tostring(value) end
  local parts = {}
  for key, item in pairs(value) do parts[#parts + 1] = tostring(key) .. "=" .. one(item) end
  sort(parts)
  return "{" .. concat(parts, " ") .. "}"
end

local function show(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = one((select(i, ...))) end
  return concat(parts, ", ")
end

return function(f) return show(pcall(f)) end
