--- catches what stops it
--- outcome: time

function attack()
  while true do
    pcall(function()
      while true do end
    end)
  end
end

function fine() return 42 end
