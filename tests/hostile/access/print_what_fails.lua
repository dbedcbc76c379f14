-- Prints what cannot be printed.
--- outcome: runs

function attack()
  local bad = setmetatable({}, { __tostring = function() error("no text") end })
  local odd = setmetatable({}, { __tostring = function() return {} end })
  assert(not pcall(print, bad))
  assert(not pcall(print, odd))
  local ok, text = pcall(print, bad)
  return type(text) == "string"
end

function fine() return 42 end
