-- What a script has of functions, objects and buffers that others have made: what holds them is
-- a userdata, whose metatable is made here.

local raw = ...
local error, next, setmetatable, tonumber, tostring, type =
  raw.error, next, raw.setmetatable, tonumber, tostring, type
local finish, mark, release, call = raw.finish, raw.mark, raw.release_reference, raw.call_reference
local method_names = raw.method_names

-- What there is, by its address; and what is behind each function.
local known = setmetatable({}, { __mode = "v" })
local functions = setmetatable({}, { __mode = "k" })

local function meta(name, fields)
  fields[mark], fields.__metatable, fields.__name = true, false, name
  fields.__gc = fields.__gc or release
  return fields
end

-- Until it has its own, it is only freed.
local held_meta = meta("reference", {})

local function make_function(held)
  local function f(...) return finish(call(held, nil, ...)) end
  functions[f] = held
  return f
end

-- Objects of the same methods share a metatable, which is there as long as one of them. Neither text
-- has a zero in it.
local classes = setmetatable({}, { __mode = "v" })

local function make_object(_, class, json)
  local key = class .. "\0" .. json
  local found = classes[key]
  if found then return found end
  local methods = {}
  local text = ""
  for _, name in next, method_names(json) do
    methods[name] = function(object, ...) return finish(call(object, name, ...)) end
    text = text .. (text == "" and "`" or ", `") .. name .. "`"
  end
  setmetatable(methods, {
    __index = function(_, name)
      error("`" .. class .. "` has no method `" .. tostring(name) .. "`; there are: "
        .. (text == "" and "none" or text), 2)
    end,
  })
  found = meta(class, {
    __index = methods,
    __newindex = function(_, name)
      error("cannot set `" .. tostring(name) .. "`: an object of another has methods alone", 2)
    end,
    __tostring = function(object) return "object: " .. class end,
  })
  classes[key] = found
  return found
end

-- Buffers of the same elements share a metatable.
local buffer_get, buffer_set, buffer_length = raw.buffer_get, raw.buffer_set, raw.buffer_length
local ffi = raw.ffi
local buffers = {}

local make_meta = function()
  return { __index = buffer_get, __newindex = buffer_set }
end

-- Where LuaJIT compiles scripts, elements are read and written in memory, each of a kind as one
-- type: it takes it that what has another one lies elsewhere. Of some bits of a float it would make
-- another value, and others may write them at any time: so what is looked at is a copy. What is left
-- is for the functions in C.
if ffi then
  local cast = ffi.cast
  local parts = raw.buffer_parts
  local ctypes = { f64 = "int64_t *", f32 = "int32_t *", i64 = "int64_t *", i32 = "int32_t *", u8 = "uint8_t *" }
  local halves = ffi.abi("le") and "low, high" or "high, low"
  local copies = {
    f64 = ffi.new("union { int64_t bits; double value; struct { uint32_t " .. halves .. "; }; }"),
    f32 = ffi.new("union { int32_t bits; float value; uint32_t high; }"),
  }
  -- From here on they are no number.
  local limits = { f64 = 0xfff90000, f32 = 0xff800000 }
  local least = { i64 = -2 ^ 53, i32 = -2 ^ 31, u8 = 0 }
  local most = { i64 = 2 ^ 53, i32 = 2 ^ 31 - 1, u8 = 255 }
  local data, lengths = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "k" })
  local function of(b, ctype)
    local start, length = parts(b)
    lengths[b] = length
    data[b] = cast(ctype, start)
    return data[b], length
  end
  -- A table with weak keys has a buffer for a while after it was released. Nothing here takes memory,
  -- as to write to an entry that is not there would.
  local function release_buffer(b)
    if data[b] then data[b], lengths[b] = nil, nil end
    release(b)
  end
  local function floats(ctype, copy, limit)
    return {
      __gc = release_buffer,
      __index = function(b, i)
        local elements, length = data[b], lengths[b]
        if not elements then elements, length = of(b, ctype) end
        if type(i) == "number" and i >= 1 and i <= length and i % 1 == 0 then
          copy.bits = elements[i - 1]
          if copy.high < limit then return copy.value end
        end
        return buffer_get(b, i)
      end,
      __newindex = function(b, i, value)
        local elements, length = data[b], lengths[b]
        if not elements then elements, length = of(b, ctype) end
        if type(i) == "number" and type(value) == "number" and i >= 1 and i <= length and i % 1 == 0 then
          copy.value = value
          elements[i - 1] = copy.bits
          return
        end
        buffer_set(b, i, value)
      end,
    }
  end
  function make_meta(element)
    local ctype, copy = ctypes[element], copies[element]
    if copy then return floats(ctype, copy, limits[element]) end
    local low, high = least[element], most[element]
    local exact = element == "i64"
    return {
      __gc = release_buffer,
      __index = function(b, i)
        local elements, length = data[b], lengths[b]
        if not elements then elements, length = of(b, ctype) end
        if type(i) == "number" and i >= 1 and i <= length and i % 1 == 0 then
          local value = tonumber(elements[i - 1])
          if not exact or value < high and value > low then return value end
        end
        return buffer_get(b, i)
      end,
      __newindex = function(b, i, value)
        local elements, length = data[b], lengths[b]
        if not elements then elements, length = of(b, ctype) end
        if type(i) == "number" and type(value) == "number" and i >= 1 and i <= length and i % 1 == 0
          and value % 1 == 0 and value >= low and value <= high then
          elements[i - 1] = value
          return
        end
        buffer_set(b, i, value)
      end,
    }
  end
end

local function make_buffer(_, element)
  local found = buffers[element]
  if found then return found end
  found = meta("buffer", make_meta(element))
  found.__len = buffer_length
  found.__tostring = function(b) return "buffer<" .. element .. ">: " .. buffer_length(b) .. " elements" end
  buffers[element] = found
  return found
end

local new_buffer, new_object = raw.new_buffer, raw.new_object

-- `host.buffer(3)`, `host.buffer({ 1, 2, 3 }, "f32")`.
local function buffer(what, element)
  element = element == nil and "f64" or element
  if type(element) ~= "string" then error("the elements of a buffer are named, got " .. type(element), 2) end
  local is_list = type(what) == "table"
  if not is_list and type(what) ~= "number" then
    error("`host.buffer` takes a length or a list, got " .. type(what), 2)
  end
  local length = is_list and #what or what
  if type(length) ~= "number" then error("the length of a list is a number, got " .. type(length), 2) end
  local ok, made = new_buffer(element, length)
  if not ok then error(made, 2) end
  if is_list then
    for i = 1, length do made[i] = what[i] end
  end
  return made
end

-- `host.list(table)`: a list also while it is empty.
local tag_list, getmetatable = raw.tag_list, raw.getmetatable
local function list(items)
  if type(items) ~= "table" then error("`host.list` takes a table, got " .. type(items), 2) end
  if getmetatable(items) ~= nil then error("`host.list` takes a table without a metatable", 2) end
  return tag_list(items)
end

-- `host.object(table)`: the functions in the table are its methods.
local function object(methods)
  if type(methods) ~= "table" then error("`host.object` takes a table, got " .. type(methods), 2) end
  local ok, made = new_object(methods)
  if not ok then error(made, 2) end
  return made
end

raw.known_references, raw.reference_functions = known, functions
raw.held_meta, raw.make_function, raw.make_object, raw.make_buffer =
  held_meta, make_function, make_object, make_buffer
raw.host_buffer, raw.host_list, raw.host_object = buffer, list, object
