--- doubles a text
--- outcome: memory

function attack()
  local s = "x"
  while true do s = s .. s end
end

function fine() return 42 end
