-- What older versions of Lua have: environments, proxies, modules.
--- outcome: runs

function attack()
  for _, name in ipairs { "getfenv", "setfenv", "newproxy", "module", "gcinfo", "getregistry", "unsafe" } do
    assert(_G[name] == nil, name)
  end
  return true
end

function fine() return 42 end
