--- Yields what claims to be equal to whatever the host compares it with.
--- outcome: runs

function attack()
  local stolen
  local claims = setmetatable({}, { __eq = function(a, b)
    stolen = b
    return true
  end })
  local co = coroutine.create(function() return coroutine.yield(claims) end)
  local ok, got = coroutine.resume(co)
  return ok and rawequal(got, claims) and stolen == nil
end

function fine() return 42 end
