-- Writes into `host.config`: its own copy, and no other's.
--- outcome: runs

function attack()
  assert(not pcall(function() host.config = {} end))
  assert(host.config.port == 80)
  host.config.port = 81
  local seen = host.config.port
  host.config.port = 80
  return seen == 81 and host.call("bystander", "fine") == 42
end

function fine() return 42 end
