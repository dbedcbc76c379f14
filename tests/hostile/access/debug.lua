-- Looks for `debug`, which leads to the stack.
--- outcome: runs

function attack()
  assert(debug == nil and _G.debug == nil and rawget(_G, "debug") == nil)
  for _, name in ipairs { "debug", "debug.util", "_G.debug", "debug.open" } do
    local ok, found = pcall(require, name)
    assert(not ok, name)
  end
  return true
end

function fine() return 42 end
