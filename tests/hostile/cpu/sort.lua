--- loops in a comparison
--- outcome: time

function attack()
  while true do
    pcall(table.sort, { 3, 2, 1 }, function()
      while true do end
    end)
  end
end

function fine() return 42 end
