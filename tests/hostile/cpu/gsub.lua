--- loops in a replacement
--- outcome: time

function attack()
  while true do
    pcall(string.gsub, "aaa", "a", function()
      while true do end
    end)
  end
end

function fine() return 42 end
