-- Looks for `ffi`, which leads to memory.
--- outcome: runs

function attack()
  assert(ffi == nil and _G.ffi == nil and rawget(_G, "ffi") == nil)
  for _, name in ipairs { "ffi", "ffi.util", "_G.ffi", "ffi.open" } do
    local ok, found = pcall(require, name)
    assert(not ok, name)
  end
  return true
end

function fine() return 42 end
