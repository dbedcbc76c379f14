--- formats a long text
--- outcome: memory

function attack()
  local s = ("x"):rep(1000000)
  while true do s = ("%s%s"):format(s, s) end
end

function fine() return 42 end
