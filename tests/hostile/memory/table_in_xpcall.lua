--- grows a table, and handles the error
--- outcome: memory

function attack()
  local t = {}
  local function grow()
    while true do t[#t + 1] = { #t } end
  end
  while true do xpcall(grow, grow) end
end

function fine() return 42 end
