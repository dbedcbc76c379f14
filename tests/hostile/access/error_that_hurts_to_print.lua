-- Throws what fails, or answers nonsense, when it is turned into text.
--- outcome: runs

local thrown = {
  setmetatable({}, { __tostring = function() error("again") end }),
  setmetatable({}, { __tostring = function() return 5 end }),
  setmetatable({}, { __tostring = function() return "\255\0" end }),
  setmetatable({}, { __name = {} }),
  setmetatable({}, { __metatable = setmetatable({}, { __index = error }) }),
  setmetatable({}, { __index = function() error("again") end }),
  print, coroutine.running(), 0 / 0, false, host, host.null,
  setmetatable({ message = {} }, nil),
}
local at = 0

for i = 1, #thrown do
  _G["throw" .. i] = function() error(thrown[i]) end
end

function attack()
  for i = 1, #thrown do
    local ok, text = pcall(host.call, "case", "throw" .. i)
    -- What was a table comes back as a copy, which can be printed.
    assert(not ok and type(tostring(text)) == "string", i)
  end
  return true
end

function fine() return 42 end
