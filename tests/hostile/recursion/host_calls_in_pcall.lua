-- The host calls the plugin that calls the host, and each of them goes on after the failure.
--- outcome: runs

local depth = 0

function attack()
  depth = depth + 1
  local here = depth
  local ok, text = pcall(host.call, "case", "attack")
  if here > 1 then return here end
  depth = 0
  return true
end

function fine() return 42 end
