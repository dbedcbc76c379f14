-- Looks for `jit`, which leads to the compiler.
--- outcome: runs

function attack()
  assert(jit == nil and _G.jit == nil and rawget(_G, "jit") == nil)
  for _, name in ipairs { "jit", "jit.util", "_G.jit", "jit.open" } do
    local ok, found = pcall(require, name)
    assert(not ok, name)
  end
  return true
end

function fine() return 42 end
