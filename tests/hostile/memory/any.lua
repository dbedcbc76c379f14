--- declares values, and catches the error
--- outcome: memory

function attack()
  local t = {}
  for i = 1, 300000 do t[i] = false end
  while true do
    for i = 1, 300000 do
      local ok, v = pcall(host.any, i)
      assert(ok or type(v) == "string")
      t[i] = v
    end
    t = { t }
    for i = 2, 300000 do t[i] = false end
  end
end

function fine() return 42 end
