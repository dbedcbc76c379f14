--- throws a text that takes all memory
--- outcome: memory

function attack()
  local s = "x"
  while true do
    local ok, message = pcall(function() error(s .. s) end)
    s = message
  end
end

function fine() return 42 end
