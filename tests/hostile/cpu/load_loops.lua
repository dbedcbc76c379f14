--- loads a text that loops
--- outcome: time

function attack()
  local text = "while true do end"
  while true do pcall(load and load(text) or function() while true do end end) end
end

function fine() return 42 end
