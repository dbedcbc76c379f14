--- loads a long text
--- outcome: memory

function attack()
  local parts = {}
  while true do
    parts[#parts + 1] = ("local a%d = 'text %d'\n"):format(#parts, #parts)
    if #parts % 5000 == 0 then
      local _ = load and assert(load("do " .. table.concat(parts, "end do ") .. " end"))
    end
  end
end

function fine() return 42 end
