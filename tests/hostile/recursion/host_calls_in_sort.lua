-- The host is called where Lua is in C already.
--- outcome: call: overflow

function attack()
  table.sort({ 1, 2 }, function() return host.call("case", "attack") end)
end

function fine() return 42 end
