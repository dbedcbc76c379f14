-- Text of an object that is a text of the object.
--- outcome: runs

local t
t = setmetatable({}, { __tostring = function() return ("%s"):format(t) end })

function attack()
  local ok, text = pcall(tostring, t)
  local printed = pcall(print, t)
  return not ok and not printed and type(text) == "string"
end

function fine() return 42 end
