--- loops where it is turned into text
--- outcome: time

local t = setmetatable({}, { __tostring = function()
  while true do end
end })

function attack()
  while true do
    pcall(tostring, t)
    pcall(print, t)
    pcall(string.format, "%s", t)
  end
end

function fine() return 42 end
