-- Requires what is no name at all.
--- outcome: runs

function attack()
  local named = setmetatable({}, { __tostring = function() return "part" end, __index = string })
  for _, name in ipairs { 1, 1.5, 0 / 0, true, false, {}, named, print, coroutine.create(print), host, host.null } do
    assert(not pcall(require, name))
  end
  return not pcall(require) and not pcall(require, nil)
end

function fine() return 42 end
