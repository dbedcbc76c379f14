--- asks for a long text at once
--- outcome: memory

function attack()
  while true do
    local ok, text = pcall(string.rep, "x", 2 ^ 30)
    assert(not ok)
  end
end

function fine() return 42 end
