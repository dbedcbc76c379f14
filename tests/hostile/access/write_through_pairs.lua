-- Takes what `host` is made of out of its iteration.
--- outcome: runs

function attack()
  local _, made_of = pcall(pairs, host)
  local ok, _, made_of = pcall(pairs, host)
  if type(made_of) == "table" then made_of.channel = print end
  if ok then
    for name, member in pairs(host) do
      if type(member) == "table" then member.evil = 1 end
    end
  end
  local iterated, key = pcall(next, host)
  assert(not iterated)
  return host.channel ~= print
end

function fine() return 42 end
