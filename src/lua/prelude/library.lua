-- The standard library, without the doors out of the sandbox.

local raw = ...
local error, rawget, select, setmetatable, tostring, type =
  raw.error, rawget, select, setmetatable, tostring, type
local concat = table.concat

-- Bytecode can break the VM: text alone. It is read in pieces, by a reader in Lua, so that
-- a limit can end the compiler too, and a reader in C that never ends.
local load = load
local sub = string.sub
local piece = 1024

local function reader(chunk)
  if type(chunk) == "function" then
    return function()
      local text = chunk()
      return text
    end
  end
  local at = 1 - piece
  return function()
    at = at + piece
    return sub(chunk, at, at + piece - 1)
  end
end

if load then
  function _G.load(chunk, name, _, ...)
    if type(chunk) == "string" and #chunk > piece then
      -- Of a text that is its own name, messages show the beginning.
      name, chunk = name or sub(chunk, 1, 200), reader(chunk)
    elseif type(chunk) == "function" then
      chunk = reader(chunk)
    end
    if select("#", ...) > 0 then return load(chunk, name, "t", (...)) end
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

_G.dofile, _G.loadfile, string.dump = nil, nil, nil
_G.os = { time = os.time, clock = os.clock, date = os.date, difftime = os.difftime }

function _G.print(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
  return raw.check(raw.print(concat(parts, "\t") .. "\n"))
end
