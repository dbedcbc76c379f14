--- keeps what it has made from one call to the next
--- outcome: memory

Kept = {}

function attack()
  while true do Kept[#Kept + 1] = ("x"):rep(10000) .. #Kept end
end

function fine()
  Kept = {}
  return 42
end
