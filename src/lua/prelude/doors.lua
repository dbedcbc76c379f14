-- The doors out of the sandbox. They are taken away; a plugin that was granted one gets it
-- back, without what would break the sandbox, or the limits, of the script itself.

local raw = ...
local error, getmetatable, ipairs, loadfile, pairs, pcall, select, tonumber, type =
  raw.error, getmetatable, ipairs, loadfile, pairs, pcall, select, tonumber, type
local find = string.find
local doors, granted, environment = raw.doors, raw.granted, raw.environment

for _, name in ipairs(raw.door_names) do _G[name] = nil end
string.dump = nil

-- Strings, and what else a flavour gives a metatable: it serves all of the VM, ours too.
-- `vector` is Luau's, and has one that cannot be written to.
local isfrozen = table.isfrozen or function() return false end
local basic = { "", 0, true, print, coroutine.create(print), raw.null }
if vector then basic[#basic + 1] = vector.create(0, 0, 0) end
for _, value in ipairs(basic) do
  local metatable = getmetatable(value)
  if type(metatable) == "table" and not isfrozen(metatable) then metatable.__metatable = false end
end

local os = doors.os
_G.os = { time = os.time, clock = os.clock, date = os.date, difftime = os.difftime }

if granted.os then
  for _, name in ipairs { "execute", "getenv", "remove", "rename", "tmpname" } do
    _G.os[name] = os[name]
  end
  local setlocale = os.setlocale
  function _G.os.exit() error("os.exit: a plugin does not end its host", 2) end
  -- It is the whole process's. Nil says that a locale cannot be had.
  function _G.os.setlocale(locale, category)
    if locale == nil then return setlocale(nil, category) end
  end
end

if granted.io then
  _G.io = doors.io
  -- Their `__gc` would run a script's function at any time.
  local files = getmetatable(doors.io.stdout)
  files.__metatable = false
  if files.__index == files then
    -- In LuaJIT it is its own.
    local methods = {}
    for name, method in pairs(files) do
      if type(name) == "string" and not find(name, "^__") then methods[name] = method end
    end
    files.__index = methods
  end

  -- Text alone, as in `load`.
  local has_environment = raw.has_environment
  function _G.loadfile(path, _, ...)
    if has_environment(select("#", ...), ...) then return loadfile(path, "t", (...)) end
    return loadfile(path, "t", environment)
  end

  function _G.dofile(path)
    local chunk, message = loadfile(path, "t", environment)
    if not chunk then error(message, 0) end
    return chunk()
  end
end

-- Of `debug`, what looks and does not touch. No function is told of by the place where it
-- runs: that could be one of ours.
if granted.debug then
  local debug = doors.debug
  _G.debug = { traceback = debug.traceback }

  local function options(name, what)
    if what ~= nil and (type(what) ~= "string" or find(what, ">", 1, true)) then
      error(name .. ": invalid option", 3)
    end
    return what
  end

  if debug.getinfo then
    local getinfo = debug.getinfo
    function _G.debug.getinfo(...)
      local info
      local thread, at, what = ...
      if type(thread) == "thread" then
        what = options("getinfo", what)
        if what then info = getinfo(thread, at, what) else info = getinfo(thread, at) end
      else
        at, what = ...
        -- One more level is this function.
        if type(at) ~= "function" then at = (tonumber(at) or error("getinfo: expected a function or a level", 2)) + 1 end
        what = options("getinfo", what)
        if what then info = getinfo(at, what) else info = getinfo(at) end
      end
      if info and type(at) ~= "function" then info.func = nil end
      return info
    end
  else
    local info = debug.info
    local function answer(at, what, ...)
      if type(at) ~= "function" and find(what, "f", 1, true) then
        error("info: what runs at a level is told without its function", 3)
      end
      return ...
    end
    function _G.debug.info(...)
      local thread, at, what = ...
      if type(thread) == "thread" then return answer(at, what, info(thread, at, what)) end
      at, what = ...
      if type(at) ~= "function" then at = (tonumber(at) or error("info: expected a function or a level", 2)) + 1 end
      return answer(at, what, info(at, what))
    end
  end
end

if granted.ffi then _G.ffi = doors.ffi end
if granted.jit then _G.jit = doors.jit end

-- What a library is called when it is required, as ones that run elsewhere do.
local libraries = { _G = environment }
for name, library in pairs(_G) do
  if type(library) == "table" and library ~= _G then libraries[name] = library end
end

-- Plain data: what libraries look at. Nothing of it has an effect.
if granted.package then
  local loaded = {}
  for name, library in pairs(libraries) do loaded[name] = library end
  _G.package = {
    config = raw.separator .. "\n;\n?\n!\n-\n",
    path = "?.lua;?" .. raw.separator .. "init.lua",
    cpath = "",
    loaded = loaded,
    loaders = {},
    searchers = {},
    preload = {},
  }
  libraries.package = _G.package
  loaded.package = _G.package
  raw.packaged = loaded
end
raw.libraries = libraries
