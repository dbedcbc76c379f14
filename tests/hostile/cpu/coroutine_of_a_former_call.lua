--- keeps a coroutine that was stopped, and goes on with it
--- outcome: time

Kept = false
local kept

function attack()
  if kept then
    local ok, message = coroutine.resume(kept)
    assert(not ok and message == "cannot resume dead coroutine", message)
    assert(coroutine.status(kept) == "dead")
  end
  kept = coroutine.create(function()
    while true do end
  end)
  coroutine.resume(kept)
  Kept = true
end

function fine() return 42 end
