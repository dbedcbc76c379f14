-- `getmetatable` and `setmetatable`, and with them the metatable that scripts give their globals.
--
-- These are a table of their own, so that they can be told from the library's; what it does
-- not define itself it finds there. Scripts give them a metatable, to be strict or to load by
-- name. It stands behind ours, and never reaches the library's table.

local raw = ...
local environment, library, lazily, lazy = raw.environment, raw.library, raw.lazily, raw.lazy
local error, rawget, rawequal, rawset, type = raw.error, rawget, rawequal, rawset, type
local setmetatable = raw.setmetatable

local ours, librarys = raw.metatable_of(environment), raw.metatable_of(library)

-- What scripts see as the metatable of their globals. Nobody has seen it before this has run.
local given = {}

-- Luau: the globals are not safe any more (`safe.rs`).
local spoil = raw.looks_ahead and raw.spoil

-- Asked where neither the script nor the library has the name.
function librarys.__index(_, name)
  if lazy[name] then return lazily(library, name) end
  -- Luau looks for what a chunk names before it runs: that is no look of the script's.
  if rawget(raw, "is_loading") then return nil end
  local handler = rawget(given, "__index")
  if handler == nil then return nil end
  if type(handler) == "function" then return (handler(environment, name)) end
  return handler[name]
end

function ours.__newindex(globals, name, value)
  local handler = rawget(given, "__newindex")
  -- What the library has is there already, as far as the script can see.
  local has_it = rawget(library, name) ~= nil or lazy[name]
  if has_it and spoil then spoil(globals) end
  if handler == nil or has_it then
    rawset(globals, name, value)
  elseif type(handler) == "function" then
    handler(globals, name, value)
  else
    handler[name] = value
  end
end

ours.__metatable = given

library.getmetatable = raw.getmetatable

local finalizes = raw.sub(_VERSION, 1, 4) ~= "Luau"

function library.setmetatable(object, metatable)
  -- A finalizer would run at any time, in the middle of a call or of the VM's end. In Luau there
  -- are none: the name means nothing.
  if finalizes and type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    error("setmetatable: a metatable with `__gc` is not allowed here", 2)
  end
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
