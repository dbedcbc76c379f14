--- loops in a comparison, and in the handler of what stops it
--- outcome: time

local function spin()
  while true do end
end

function attack()
  while true do xpcall(table.sort, spin, { 3, 2, 1 }, spin) end
end

function fine() return 42 end
