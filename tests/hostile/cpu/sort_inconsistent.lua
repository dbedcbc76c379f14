--- compares without an order
--- outcome: time

function attack()
  local list = {}
  while true do
    for i = 1, 1000 do list[i] = i end
    pcall(table.sort, list, function(a, b) return (a + b) % 3 == 0 end)
  end
end

function fine() return 42 end
