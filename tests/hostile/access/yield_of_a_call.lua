-- Yields to whoever runs the call, with what looks like a wait.
--- outcome: call: attempt to yield from outside a coroutine

function attack()
  coroutine.yield({})
end

function fine() return 42 end
