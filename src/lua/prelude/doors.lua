-- The doors out of the sandbox, for a plugin that was granted some: it gets them back, without
-- what would break the sandbox, or the limits, of the script itself. This part alone runs
-- before the script does.

local raw = ...
local error, getmetatable, ipairs, pairs, select, tonumber, type =
  raw.error, raw.getmetatable, ipairs, pairs, select, tonumber, type
local find = string.find
local doors, granted, environment, library = raw.doors, raw.granted, raw.environment, raw.library
local loadfile = doors.loadfile

local os = doors.os
library.os = { time = os.time, clock = os.clock, date = os.date, difftime = os.difftime }

if granted.os then
  for _, name in ipairs { "execute", "getenv", "remove", "rename", "tmpname" } do
    library.os[name] = os[name]
  end
  local setlocale = os.setlocale
  function library.os.exit() error("os.exit: a plugin does not end its host", 2) end
  -- It is the whole process's. Nil says that a locale cannot be had.
  function library.os.setlocale(locale, category)
    if locale == nil then return setlocale(nil, category) end
  end
end

if granted.io then
  library.io = doors.io
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
  function library.loadfile(path, _, ...)
    if has_environment(select("#", ...), ...) then return loadfile(path, "t", (...)) end
    return loadfile(path, "t", environment)
  end

  function library.dofile(path)
    local chunk, message = loadfile(path, "t", environment)
    if not chunk then error(message, 0) end
    return chunk()
  end
end

-- Of `debug`, what looks and does not touch. No function is told of by the place where it
-- runs: that could be one of ours.
if granted.debug then
  local debug = doors.debug
  library.debug = { traceback = debug.traceback }

  local function options(name, what)
    if what ~= nil and (type(what) ~= "string" or find(what, ">", 1, true)) then
      error(name .. ": invalid option", 3)
    end
    return what
  end

  if debug.getinfo then
    local getinfo = debug.getinfo
    function library.debug.getinfo(...)
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
    function library.debug.info(...)
      local thread, at, what = ...
      if type(thread) == "thread" then return answer(at, what, info(thread, at, what)) end
      at, what = ...
      if type(at) ~= "function" then at = (tonumber(at) or error("info: expected a function or a level", 2)) + 1 end
      return answer(at, what, info(at, what))
    end
  end
end

if granted.ffi then library.ffi = doors.ffi end
if granted.jit then library.jit = doors.jit end

-- Plain data: what libraries look at. Nothing of it has an effect.
if granted.package then
  -- Some are there once they were asked for.
  for _, name in ipairs { "coroutine", "math", "utf8" } do raw.lazily(library, name) end
  local loaded = { _G = environment }
  for name, value in pairs(library) do
    if type(value) == "table" then loaded[name] = value end
  end
  library.package = {
    config = raw.separator .. "\n;\n?\n!\n-\n",
    path = "?.lua;?" .. raw.separator .. "init.lua",
    cpath = "",
    loaded = loaded,
    loaders = {},
    searchers = {},
    preload = {},
  }
  loaded.package = library.package
  raw.packaged = loaded
end
