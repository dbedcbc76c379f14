-- The standard library, without the doors out of the sandbox.

local raw = ...
local error, rawget, select, setmetatable, tostring, type =
  raw.error, rawget, select, setmetatable, tostring, type
local concat = table.concat

-- Bytecode can break the VM: text alone. In LuaJIT an environment that is no table is none,
-- and the code would run in the library's own globals.
local load = load
local function has_environment(count, environment)
  return count > 0 and (not raw.doors.jit or type(environment) == "table")
end
raw.has_environment = has_environment

if load then
  function _G.load(chunk, name, _, ...)
    if has_environment(select("#", ...), ...) then return load(chunk, name, "t", (...)) end
    return load(chunk, name, "t", raw.environment)
  end
end
_G.loadstring = _G.load

-- A finalizer would run at any time, in the middle of a call or of the VM's end.
function _G.setmetatable(object, metatable)
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    error("setmetatable: a metatable with `__gc` is not allowed here", 2)
  end
  return setmetatable(object, metatable)
end

local collect = collectgarbage
function _G.collectgarbage(what)
  if what == "count" then return collect("count") end
  error("collectgarbage: only \"count\" is allowed here", 2)
end

-- Values as `print` writes them; for a function that a script calls.
function raw.joined(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local text = tostring((select(i, ...)))
    -- LuaJIT takes whatever `__tostring` returns.
    if type(text) ~= "string" then error("'__tostring' must return a string", 3) end
    parts[i] = text
  end
  return concat(parts, "\t")
end

local joined = raw.joined
function _G.print(...) return raw.check(raw.print(joined(...) .. "\n")) end
