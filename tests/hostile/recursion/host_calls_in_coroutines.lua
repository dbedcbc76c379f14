-- The host is called from coroutines within coroutines.
--- outcome: call: overflow

function attack()
  return coroutine.wrap(function() return host.call("case", "attack") end)()
end

function fine() return 42 end
