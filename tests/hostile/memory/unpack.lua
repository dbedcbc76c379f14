--- unpacks and packs
--- outcome: memory

function attack()
  local list = {}
  for i = 1, 1000 do list[i] = i end
  local all = {}
  while true do all[#all + 1] = { (table.unpack or unpack)(list) } end
end

function fine() return 42 end
