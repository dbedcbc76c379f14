-- The globals of a script: a table of its own, so that they can be told from the library's;
-- what it does not define itself it finds there.
--
-- Scripts give their globals a metatable, to be strict or to load by name. It stands behind
-- ours, and never reaches the library's table.

local raw = ...
local environment, library = raw.environment, _G
local error, rawget, rawequal, rawset, setmetatable, type =
  raw.error, rawget, rawequal, rawset, _G.setmetatable, type

local given = {}
local ours = { __index = library, __metatable = given }

-- Asked where neither the script nor the library has the name.
setmetatable(library, {
  __metatable = false,
  __index = function(_, name)
    local handler = rawget(given, "__index")
    if handler == nil then return nil end
    if type(handler) == "function" then return (handler(environment, name)) end
    return handler[name]
  end,
})

function ours.__newindex(globals, name, value)
  local handler = rawget(given, "__newindex")
  -- What the library has is there already, as far as the script can see.
  if handler == nil or rawget(library, name) ~= nil then
    rawset(globals, name, value)
  elseif type(handler) == "function" then
    handler(globals, name, value)
  else
    handler[name] = value
  end
end

function library.setmetatable(object, metatable)
  if not rawequal(object, environment) then return setmetatable(object, metatable) end
  if rawget(given, "__metatable") ~= nil then error("cannot change a protected metatable", 2) end
  -- Refuses what is none.
  setmetatable({}, metatable)
  given = metatable or {}
  local shown = rawget(given, "__metatable")
  if shown == nil then shown = given end
  ours.__metatable = shown
  return object
end

environment._G = environment
-- The global that is used most is found at once.
environment.host = library.host
-- Nor is the library's own table found where the script takes that away.
library._G = nil
setmetatable(environment, ours)
