-- An order that sorts.
--- outcome: runs

local function deep()
  table.sort({ 1, 2, 3 }, deep)
  return false
end

function attack()
  local ok, text = pcall(deep)
  return not ok and type(text) == "string"
end

function fine() return 42 end
