--- loads a long text
--- outcome: memory

function attack()
  local parts = {}
  while true do
    parts[#parts + 1] = ("a = 'text %d'"):format(#parts)
    if #parts % 5000 == 0 then
      local _ = load and assert(load(table.concat(parts, "\n")))
    end
  end
end

function fine() return 42 end
