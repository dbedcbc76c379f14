-- Looks for more of `os` than clocks and dates.
--- outcome: runs

function attack()
  for name in pairs(os) do
    assert(({ clock = 1, date = 1, difftime = 1, time = 1 })[name], name)
  end
  for _, name in ipairs { "execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname" } do
    assert(os[name] == nil, name)
    assert(rawget(os, name) == nil, name)
  end
  local metatable = getmetatable(os)
  return metatable == nil or rawget(metatable, "__index") == nil
end

function fine() return 42 end
