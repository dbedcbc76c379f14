-- Loads C with what it was granted.
--- outcome: runs
--- permissions: package

function attack()
  assert(package.loadlib == nil and package.searchpath == nil)
  package.cpath = "/usr/lib/?.so;/usr/lib/x86_64-linux-gnu/lua/5.4/?.so"
  package.path = "/etc/?;/usr/share/lua/5.4/?.lua"
  package.preload.evil = function() return "preloaded" end
  package.loaded.evil = "loaded"
  for _, searchers in ipairs { package.searchers, package.loaders } do
    searchers[1] = function() return function() return "searched" end end
  end
  assert(not pcall(require, "evil"))
  assert(not pcall(require, "passwd"))
  assert(not pcall(require, "lfs"))
  package.loaded._G.evil = 1
  local own = evil == 1
  evil = nil
  return own
end

function fine() return 42 end
