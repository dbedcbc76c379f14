-- Two plugins call each other.
--- outcome: call: no symbol `bounce_attack`

function back() return host.call("bystander", "fine") end
function attack()
  return host.call("bystander", "bounce_attack")
end

function fine() return 42 end
