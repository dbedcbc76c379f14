-- A replacement that replaces.
--- outcome: runs

local function deep() return (("x"):gsub("x", deep)) end

function attack()
  local ok, text = pcall(deep)
  return not ok and type(text) == "string"
end

function fine() return 42 end
