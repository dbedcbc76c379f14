--- loops until never
--- outcome: time

function attack()
  repeat local x = 1 until x == 2
end

function fine() return 42 end
