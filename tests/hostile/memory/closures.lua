--- makes closures
--- outcome: memory

function attack()
  local last = false
  while true do
    local before = last
    last = function() return before end
  end
end

function fine() return 42 end
