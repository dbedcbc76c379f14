-- LuaJIT counts no calls from C functions to Lua functions and on to C functions: each of
-- these takes some of the thread's own stack, at whose end the process dies. So whatever
-- calls back asks first whether there is room. Other flavours count themselves.

local raw = ...
local has_room = raw.has_room
if not has_room then return end
local error, select, type = error, select, type

local function check(ok)
  if not ok then error("stack overflow: calls from inside of library functions are nested too deep", 3) end
end

local resume = coroutine.resume
function coroutine.resume(...)
  check(has_room())
  return resume(...)
end

local sort = table.sort
function table.sort(...)
  check(has_room())
  return sort(...)
end

local gsub = string.gsub
function string.gsub(text, pattern, by, ...)
  if type(by) ~= "string" then check(has_room()) end
  return gsub(text, pattern, by, ...)
end

local format = string.format
function string.format(...)
  for i = 2, select("#", ...) do
    local kind = type((select(i, ...)))
    -- These may have a `__tostring`.
    if kind == "table" or kind == "userdata" then check(has_room()) end
  end
  return format(...)
end

local load = load
function raw.library.load(chunk, ...)
  if type(chunk) == "function" then check(has_room()) end
  return load(chunk, ...)
end
