--- replaces by a long text
--- outcome: memory

function attack()
  local s = "x"
  while true do s = s:gsub("x", "xx") end
end

function fine() return 42 end
