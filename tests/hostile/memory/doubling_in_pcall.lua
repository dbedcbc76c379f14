--- doubles a text, and catches the error
--- outcome: memory

function attack()
  local s = "x"
  while true do
    pcall(function() s = s .. s end)
  end
end

function fine() return 42 end
