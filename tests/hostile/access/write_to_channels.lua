-- Replaces what channels do.
--- outcome: runs

function attack()
  local one, other = host.channel("numbers"), host.channel("numbers")
  one.send, one.recv = print, print
  rawset(one, "close", print)
  assert(other.send ~= print and other.recv ~= print and other.close ~= print)
  assert(host.channel("numbers").send == other.send)
  -- One that is made to look like it is none.
  local fake = setmetatable({}, { __index = other })
  local ok, text = pcall(fake.send, fake, 1)
  return not ok and text:find("not a channel", 1, true) ~= nil
end

function fine() return 42 end
