-- Replaces what channels do.
--- outcome: runs

function attack()
  local one, other = host.channel("numbers"), host.channel("numbers")
  local send, recv, close = one.send, one.recv, one.close
  assert(not pcall(function() one.send = print end) and not pcall(rawset, one, "close", print))
  assert(not pcall(setmetatable, one, {}) and getmetatable(one) == false)
  assert(other.send == send and other.recv == recv and other.close == close)
  -- One that is made to look like it is none.
  local fake = setmetatable({}, { __index = other })
  local ok, text = pcall(fake.send, fake, 1)
  return not ok and text:find("not a channel", 1, true) ~= nil
end

function fine() return 42 end
