-- Looks for `package`, which leads to loaders.
--- outcome: runs

function attack()
  assert(package == nil and _G.package == nil and rawget(_G, "package") == nil)
  for _, name in ipairs { "package", "package.util", "_G.package", "package.open" } do
    local ok, found = pcall(require, name)
    assert(not ok, name)
  end
  return true
end

function fine() return 42 end
