--- grows a table, and catches the error
--- outcome: memory

function attack()
  local t = {}
  while true do
    pcall(function()
      while true do t[#t + 1] = { #t } end
    end)
  end
end

function fine() return 42 end
