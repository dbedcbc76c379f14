--- grows a table in a wrapped coroutine, and catches the error
--- outcome: memory

function attack()
  local t = {}
  while true do
    pcall(coroutine.wrap(function()
      while true do t[#t + 1] = { #t } end
    end))
  end
end

function fine() return 42 end
