-- Replaces functions of the library before it has asked for anything that the host makes of
-- them only then.
--- outcome: runs

local kept = {}
local replaced = function() return "replaced" end
for _, library in ipairs { string, table, math, os } do
  for name, f in pairs(library) do kept[#kept + 1] = { library, name, f } end
end
for _, entry in ipairs(kept) do entry[1][entry[2]] = replaced end

local scaled, channel = host.world.scale(2, 3), host.channel("numbers").send
local part, libraries = require("part").value, require("string")
local caught, message = pcall(error, "caught", 0)
local handled, other = xpcall(error, function(thrown) return thrown end, "handled", 0)
local made = setmetatable({}, { __index = { inner = 1 } })
local yields = coroutine.wrap(function() coroutine.yield(1) return 2 end)
local first, second = yields(), yields()
local loaded = load and load("return 'loaded'")() or "loaded"
local unknown = select(2, pcall(function() return host.wrld end))
print("one", 2)

for _, entry in ipairs(kept) do entry[1][entry[2]] = entry[3] end

function attack()
  assert(scaled == 6 and channel and part == 42 and libraries == string)
  assert(not caught and message == "caught" and not handled and other == "handled")
  assert(made.inner == 1 and getmetatable(made).__index.inner == 1)
  assert(first == 1 and second == 2 and loaded == "loaded")
  return unknown:find("`host` has no `wrld`; near: `world`", 1, true) ~= nil
end

function fine() return 42 end
