-- Gets at the metatables of what the host has made.
--- outcome: runs

function attack()
  local null, any = host.null, host.any(1)
  for _, value in ipairs { host, host.world, host.channel("numbers"), any, null } do
    local metatable = getmetatable(value)
    assert(type(metatable) ~= "table" and type(metatable) ~= "userdata", type(metatable))
    assert(not pcall(setmetatable, value, {}))
  end
  return true
end

function fine() return 42 end
