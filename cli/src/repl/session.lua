-- What the lines of a session run in: their globals are this script's, and this script has none of
-- its own but `plugins`. It prints nothing: what an expression gives is answered as a text.
--
-- A line may change whatever it finds in the library, so what is used here is taken before.

local byte, find, format, gsub, rep = string.byte, string.find, string.format, string.gsub, string.rep
local concat, floor, sort = table.concat, math.floor, table.sort
local error, getmetatable, ipairs, load, next, pcall = error, getmetatable, ipairs, load, next, pcall
local rawequal, rawget, rawset, select = rawequal, rawget, rawset, select
local setmetatable, tostring, type = setmetatable, tostring, type
local utf8_length = utf8 and utf8.len
local sequences = {
  "[\194-\223][\128-\191]",
  "[\224-\239][\128-\191][\128-\191]",
  "[\240-\244][\128-\191][\128-\191][\128-\191]",
}
local globals, host = _G, host
local has_plugin, plugin_of = host.has_plugin, host.plugin

local M = {}

-- Plugins as lines see them, and the names that these go by.
local names = setmetatable({}, { __mode = "k" })

-- What it raises has the place of whoever has indexed a table that asks for it.
local function plugin(name)
  local ok, found = pcall(plugin_of, name)
  if not ok then error((gsub(found, "^.-:%d+: ", "")), 3) end
  names[found] = name
  return found
end

-- Names that nothing has, of those that a line has asked for.
local unknown, most_unknown = {}, 10

setmetatable(globals, {
  __index = function(_, name)
    if type(name) ~= "string" then return nil end
    if has_plugin(name) then
      local found = plugin(name)
      return found
    end
    if #unknown < most_unknown then unknown[#unknown + 1] = name end
    return nil
  end,
})

-- All of them by name: those that are no identifier, or that the library has as well.
local plugins = setmetatable({}, {
  __index = function(_, name)
    local found = plugin(name)
    return found
  end,
  __newindex = function() error("`plugins` is read-only: `.load PATH` adds one", 2) end,
  __metatable = false,
})
rawset(globals, "plugins", plugins)

-- Code. Of a text there is `handed`, its results handed to a function, which is the argument;
-- `returned`, its results; and `plain`, the text as it is. The first two are there where it is an
-- expression: what it calls is then no tail call, and so its line is in tracebacks. (Where it ends in
-- a comment the first cannot be.)

-- The names of messages have the line in which the text begins.
local function compile(code, line)
  if code then return load(rep("\n", line - 1) .. code, "=input") end
end

-- What is wrong with a text; nothing where it can be run.
function M.Check(codes, line)
  local messages = {}
  for _, way in ipairs({ "returned", "plain" }) do
    local made, message = compile(codes[way], line)
    if made then return nil end
    messages[#messages + 1] = message
  end
  return messages
end

-- Values as text

local most_entries, most_shown, width = 100, 1000, 76
local reserved = {}
for word in string.gmatch(
  "and break do else elseif end false for function goto if in local nil not or repeat return then true until while",
  "%a+"
) do
  reserved[word] = true
end

local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local function escaped(character)
  return escapes[character] or format("\\%03d", byte(character))
end

-- Whether it is UTF-8, which LuaJIT has no library for.
local function is_text(text)
  if utf8_length then return utf8_length(text) end
  for _, sequence in ipairs(sequences) do text = gsub(text, sequence, " ") end
  return not find(text, "[\128-\255]")
end

local function quoted(text)
  return '"' .. gsub(text, is_text(text) and '[%c"\\]' or '[%c"\\\128-\255]', escaped) .. '"'
end

local text_of

local function key_of(key, shown)
  if type(key) == "string" and find(key, "^[%a_][%w_]*$") and not reserved[key] then return key end
  return "[" .. text_of(key, "", shown) .. "]"
end

-- Numbers first, then texts, then all others.
local function rank(key)
  local kind = type(key)
  if kind == "number" then return 1 elseif kind == "string" then return 2 end
  return 3
end

local function before(a, b)
  local rank_of_a, rank_of_b = rank(a), rank(b)
  if rank_of_a ~= rank_of_b then return rank_of_a < rank_of_b end
  if rank_of_a < 3 then return a < b end
  return tostring(a) < tostring(b)
end

-- How many items it begins with.
local function length_of(value)
  local length = 0
  while rawget(value, length + 1) ~= nil do length = length + 1 end
  return length
end

local function keys_of(value, length)
  local keys = {}
  for key in next, value do
    local is_item = type(key) == "number" and key >= 1 and key <= length and floor(key) == key
    if not is_item then keys[#keys + 1] = key end
  end
  sort(keys, before)
  return keys
end

-- The entries of a table, and how many are left out.
local function entries_of(value, indent, shown)
  local length = length_of(value)
  local keys, entries = keys_of(value, length), {}
  local all = length + #keys
  for index = 1, all do
    if index > most_entries or shown.count > most_shown then return entries, all - index + 1 end
    shown.count = shown.count + 1
    if index <= length then
      entries[index] = text_of(rawget(value, index), indent, shown)
    else
      local key = keys[index - length]
      entries[index] = key_of(key, shown) .. " = " .. text_of(rawget(value, key), indent, shown)
    end
  end
  return entries, 0
end

local function table_text(value, indent, shown)
  if shown[value] then return "{ .. }" end
  shown[value] = true
  local inner = indent .. "  "
  local entries, left_out = entries_of(value, inner, shown)
  shown[value] = nil
  if left_out > 0 then entries[#entries + 1] = ".. " .. left_out .. " more" end
  if #entries == 0 then return "{}" end
  local line = "{ " .. concat(entries, ", ") .. " }"
  if #indent + #line <= width and not find(line, "\n", 1, true) then return line end
  return "{\n" .. inner .. concat(entries, ",\n" .. inner) .. "\n" .. indent .. "}"
end

function text_of(value, indent, shown)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if rawequal(value, host.null) then return "host.null" end
  if rawequal(value, plugins) then return "plugins" end
  if names[value] then return "plugins[" .. quoted(names[value]) .. "]" end
  if kind ~= "table" then return tostring(value) end
  local metatable = getmetatable(value)
  if type(metatable) == "table" and rawget(metatable, "__tostring") then return tostring(value) end
  return table_text(value, indent, shown)
end

local function shown(is_expression, ...)
  local count = select("#", ...)
  local texts = {}
  for index = 1, count do texts[index] = text_of((select(index, ...)), "", { count = 0 }) end
  if is_expression and (...) ~= nil then rawset(globals, "_", (...)) end
  if count > 0 then return concat(texts, ", ") end
end

local function handed(...) return ... end

-- Runs a text that can be compiled, and gives its results as one.
function M.Run(codes, line)
  unknown = {}
  local made = compile(codes.returned, line)
  if not made then return shown(false, compile(codes.plain, line)()) end
  made = compile(codes.handed, line) or made
  return shown(true, made(handed))
end

-- The names that the last line has asked for, and that nothing has.
function M.Unknown() return unknown end

-- Names

local library = {
  "_VERSION", "assert", "bit", "bit32", "buffer", "collectgarbage", "coroutine", "error", "getmetatable", "host",
  "ipairs", "load", "loadstring", "math", "next", "os", "pairs", "pcall", "print", "rawequal", "rawget", "rawlen",
  "rawset", "require", "select", "setmetatable", "string", "table", "tonumber", "tostring", "type", "typeof",
  "unpack", "utf8", "vector", "warn", "xpcall",
}
local of_host = {
  "any", "base", "buffer", "channel", "config", "has", "has_plugin", "list", "log", "null", "object", "on", "plugin",
  "register", "state",
}

local function add_keys(found, value)
  for key in next, value do
    if type(key) == "string" then found[#found + 1] = key end
  end
end

-- The names in a table, and in those that its metatables lead to.
local function names_in(value)
  local found = {}
  for _ = 1, 10 do
    if type(value) ~= "table" then break end
    add_keys(found, value)
    local metatable = getmetatable(value)
    value = type(metatable) == "table" and rawget(metatable, "__index")
  end
  return found
end

local function global_names()
  local found = names_in(globals)
  for _, name in ipairs(library) do
    if globals[name] ~= nil then found[#found + 1] = name end
  end
  return found
end

-- What every host has; others know what this one has besides.
local function host_names()
  local found = {}
  for _, name in ipairs(of_host) do
    if host.has(name) then found[#found + 1] = name end
  end
  return found
end

-- A member, without asking anybody else for it.
local function member(value, name)
  for _ = 1, 10 do
    if type(value) ~= "table" then return nil end
    local found = rawget(value, name)
    if found ~= nil then return found end
    local metatable = getmetatable(value)
    value = type(metatable) == "table" and rawget(metatable, "__index")
  end
end

-- What there is behind these names and a dot: the names, or the plugin that it is.
function M.Names(path)
  local value = globals
  for index, name in ipairs(path) do
    if index == 1 then
      value = globals[name]
    elseif rawequal(value, plugins) then
      value = has_plugin(name) and plugin(name)
    else
      value = member(value, name)
    end
  end
  if value == nil or names[value] then return names[value] end
  if rawequal(value, globals) then return global_names() end
  if rawequal(value, host) then return host_names() end
  return names_in(value)
end

return M
