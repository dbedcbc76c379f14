-- Requires files of bytecode.
--- outcome: runs

function attack()
  for _, name in ipairs { "code", "jitted" } do
    local ok, text = pcall(require, name)
    assert(not ok and text:find("it is bytecode, and only text is loaded", 1, true), text)
  end
  return require("part").value == 42
end

function fine() return 42 end
