-- The standard library, without the doors out of the sandbox.

local raw = ...
local error, select, tostring, type = raw.error, select, tostring, type
local library, run_out = raw.library, raw.run_out
local pcall = library.pcall
local concat, environment, reader, sub = raw.concat, raw.environment, raw.reader, raw.sub

-- Bytecode can break the VM: text alone. It is read in pieces, so that a limit can end the
-- compiler too: a text by a reader that asks whether the call is over, and what a function
-- reads in Lua, as a function in C might never end. On LuaJIT all of it is read before: an
-- error of a hook inside of `load` would leave hooks off.
local load = raw.load
local piece = 1024
local reads_first = _VERSION == "Lua 5.1"

local function lazily(read)
  return function()
    local text = read()
    return text
  end
end

-- What comes is joined whenever it is as long again as what was joined before: the same text may
-- come over and over, and takes no memory of its own until then.
local few = 64
local function read_all(read)
  local parts, size, length, known = {}, 0, 0, 0
  while true do
    local text = read()
    if text == nil or text == "" then return concat(parts) end
    local kind = type(text)
    if kind ~= "string" and kind ~= "number" then error("reader function must return a string", 0) end
    if kind == "number" then text = tostring(text) end
    size, length = size + 1, length + #text
    parts[size] = text
    if size >= few and length >= 2 * known then
      parts, size, known = { concat(parts) }, 1, length
    end
  end
end

-- In LuaJIT an environment that is no table is none, and the code would run in the library's
-- own globals.
local function has_environment(count, environment)
  return count > 0 and (not reads_first or type(environment) == "table")
end
raw.has_environment = has_environment

-- What has run out of memory is stopped, as in `pcall`.
local function compiled(chunk, message)
  if chunk == nil and message == "not enough memory" then run_out() end
  return chunk, message
end

if load then
  function library.load(chunk, name, _, ...)
    local kind = type(chunk)
    if kind == "function" then
      name = name or "=(load)"
      if reads_first then
        local ok, text = pcall(read_all, chunk)
        if not ok then return nil, text end
        chunk = text
      else
        chunk = lazily(chunk)
      end
    end
    if type(chunk) == "string" and #chunk > piece then
      -- Of a text that is its own name, messages show the beginning.
      name, chunk = name or sub(chunk, 1, 200), reader(chunk)
    end
    if has_environment(select("#", ...), ...) then
      return compiled(load(chunk, name, "t", (...)))
    end
    return compiled(load(chunk, name, "t", environment))
  end
  library.loadstring = library.load
end

local collect = raw.collectgarbage
function library.collectgarbage(what)
  if what == "count" then return collect("count") end
  error("collectgarbage: only \"count\" is allowed here", 2)
end
