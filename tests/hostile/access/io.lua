-- Looks for `io`, which leads to files.
--- outcome: runs

function attack()
  assert(io == nil and _G.io == nil and rawget(_G, "io") == nil)
  for _, name in ipairs { "io", "io.util", "_G.io", "io.open" } do
    local ok, found = pcall(require, name)
    assert(not ok, name)
  end
  return true
end

function fine() return 42 end
