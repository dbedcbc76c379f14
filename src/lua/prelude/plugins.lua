-- `host.plugin` and its like.

local raw = ...
local error, rawget, setmetatable, type = raw.error, rawget, raw.setmetatable, type
local finish, object = raw.finish, raw.object

-- An object each, which has the functions that were asked for; variables are
-- looked at each time.
local find_plugin, has_plugin, plugin_member = raw.find_plugin, raw.has_plugin, raw.plugin_member
local set_plugin_variable, can_wait = raw.set_plugin_variable, raw.can_wait
local plugins = {}

local function member(functions, name, symbol)
  local ok, waits, found, make, settle, leaf, types = plugin_member(can_wait(), name, symbol)
  if waits ~= nil then return finish(ok, waits, found) end
  local function f(...) return finish(found(...)) end
  if make then f = make(f, settle, leaf, types) end
  functions[symbol] = f
  return f
end

-- There is none but in a console: what was a function may be a variable there after an edit.
local is_function = raw.is_function

local function other(name)
  local functions = {}
  setmetatable(functions, { __index = function(_, symbol) return member(functions, name, symbol) end })
  local function looked_up(_, symbol)
    local kept = rawget(functions, symbol)
    if kept and is_function(name, symbol) then return kept end
    return member(functions, name, symbol)
  end
  return object {
    __index = is_function and looked_up or functions,
    __newindex = function(_, symbol, value)
      return finish(set_plugin_variable(can_wait(), name, symbol, value))
    end,
    __metatable = false,
    __name = "plugin",
  }
end

local function plugin(name)
  local ok, text = find_plugin(name)
  if not ok then error(text, 2) end
  local found = plugins[name]
  if not found then
    found = other(name)
    plugins[name] = found
  end
  return found
end

local function has(name)
  if type(name) ~= "string" then error("`host.has_plugin` takes a name, got " .. type(name), 2) end
  return has_plugin(name)
end

-- What a layer lies over, by the name that no plugin has.
if raw.is_layer then raw.host_base = other("") end
raw.host_plugin, raw.host_has_plugin = plugin, has
