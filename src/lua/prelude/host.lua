-- The `host` table.

local raw = ...
local error, ipairs, next, pairs, rawget, rawset, tostring, type =
  raw.error, ipairs, next, pairs, rawget, rawset, tostring, type
local concat = raw.concat
local check, finish, joined = raw.check, raw.finish, raw.joined

-- Channels: one object each, with the number of its channel in it.
local Channel, channels, opened = {}, raw.channels, {}
local channel_meta, open, send, try_send, send_timeout = channels[1], channels[2], channels[3], channels[4], channels[5]
local recv, try_recv, recv_timeout, recv_many = channels[6], channels[7], channels[8], channels[9]
local next_message, close = channels[10], channels[11]
channel_meta.__index, channel_meta.__metatable, channel_meta.__name = Channel, false, "channel"

-- In Lua 5.4 and 5.5 a function in C waits itself.
if raw.goes_on_in_c then
  Channel.send = send(raw.token, raw.no_wait)
else
  function Channel.send(channel, message)
    local ok, waits = send(channel, message)
    if ok == nil then return end
    return finish(ok, waits)
  end
end

function Channel.try_send(channel, message) return finish(try_send(channel, message)) end
function Channel.send_timeout(channel, message, seconds)
  return finish(send_timeout(channel, message, seconds))
end

function Channel.recv(channel) return finish(recv(channel)) end
function Channel.try_recv(channel) return finish(try_recv(channel)) end
function Channel.recv_timeout(channel, seconds) return finish(recv_timeout(channel, seconds)) end
function Channel.recv_many(channel, most) return finish(recv_many(channel, most)) end

-- `for message in channel do`, and with `channel:iter()` the same.
local function following(channel) return finish(next_message(channel)) end
channel_meta.__call = following
function Channel.iter(channel) return following, channel end

function Channel.close(channel)
  local ok, text = close(channel)
  if ok == nil then return end
  return finish(ok, text)
end

local function attached(name, ok, channel)
  if not ok then error(channel, 2) end
  opened[name] = channel
  return channel
end

local object, setmetatable, unknown = raw.object, raw.setmetatable, raw.unknown

-- What is made once it is asked for, by the table that it belongs into: leaf functions of the host
-- that are compiled, and constants.
local lazy, leaf, constant = {}, raw.leaf, raw.constant

-- Luau looks `host.f` up as it loads a chunk, and keeps what it finds. What may be another value
-- later, or holds such a one, is not there meanwhile: table, name and value (`safe.rs`).
local hidden = raw.looks_ahead and {}

-- Makes one; `level` is of who asks. Nil where it is none.
local function grow(members, name, level)
  if rawget(raw, "is_loading") then return nil end
  local entry = lazy[members] and lazy[members][name]
  if not entry then return nil end
  local ok, made
  if entry.constant then ok, made = constant(entry.constant) else ok, made = leaf(entry[3], entry[2]) end
  if not ok then error(made, level + 1) end
  local kind = type(made)
  if hidden and (kind == "table" or kind == "userdata") then
    hidden[#hidden + 1] = { members, name, made }
  end
  members[name], lazy[members][name] = made, nil
  return made
end

local function grow_all(members, level)
  for name in next, lazy[members] or {} do grow(members, name, level + 1) end
end

local function make_later(members, name, entry)
  lazy[members] = lazy[members] or {}
  lazy[members][name] = entry
end

-- The `host` table and the groups in it: read-only, unknown names raise. They are userdata,
-- which raw access cannot write to either. `call` is for a group that is a function as well.
local function sealed(path, members, call)
  local function following(_, name)
    if name == nil then grow_all(members, 3) end
    local key, member = next(members, name)
    return key, member
  end
  -- What is there is found without a call; only this sees `members` itself.
  setmetatable(members, {
    __index = function(_, name)
      local made = grow(members, name, 2)
      if made ~= nil or rawget(raw, "is_loading") then return made end
      grow_all(members, 2)
      error(unknown(path, tostring(name), members), 2)
    end,
  })
  return object {
    __index = members,
    __newindex = function(_, name)
      error("cannot set `" .. path .. "." .. tostring(name) .. "`: the host table is read-only", 2)
    end,
    -- What it is made of is not handed out.
    __pairs = function(object) return following, object, nil end,
    __iter = function(object) return following, object, nil end,
    __call = call,
    __metatable = false,
    __name = path,
  }
end

-- Other plugins: an object each, which has the functions that were asked for; variables are
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

-- What the host tells the script of: its handlers by their numbers. One that is not there any more
-- answers nothing, else that it was and what it gives.
local subscribe, unsubscribe, handlers = raw.subscribe, raw.unsubscribe, {}

local function tell(number, ...)
  local handler = handlers[number]
  if not handler then return end
  return true, handler(...)
end

local function subscribed(handler, ok, number)
  if not ok then error(number, 2) end
  handlers[number] = handler
  return function()
    if handlers[number] then
      handlers[number] = nil
      unsubscribe(number)
    end
  end
end

-- What `host` offers, by its whole name.
local offered = {}

local any, register, state = raw.any, raw.register, raw.state
local members = {
  any = function(value) return check(any(value)) end,
  null = raw.null,
  buffer = function(what, element) return raw.host_buffer(what, element) end,
  list = function(items) return raw.host_list(items) end,
  object = function(methods) return raw.host_object(methods) end,
  channel = function(name)
    local channel = opened[name]
    if channel then return channel end
    return attached(name, open(name))
  end,
  plugin = plugin,
  has_plugin = function(name)
    if type(name) ~= "string" then error("`host.has_plugin` takes a name, got " .. type(name), 2) end
    return has_plugin(name)
  end,
  on = function(event, handler)
    if type(event) ~= "string" or type(handler) ~= "function" then
      error("`host.on` takes an event's name and a function: `host.on(\"tick\", f)`", 2)
    end
    return subscribed(handler, subscribe(event, tell))
  end,
  register = function(exports) return check(register(exports)) end,
  state = function(fields) return check(state(fields)) end,
  has = function(name)
    if type(name) ~= "string" then error("`host.has` takes a name, got " .. type(name), 2) end
    return offered[name] == true
  end,
}

-- What a layer lies over, by the name that no plugin has.
if raw.is_layer then members.base = other("") end

local function group(path)
  local at = members
  for i = 1, #path - 1 do
    at[path[i]] = at[path[i]] or {}
    at = at[path[i]]
  end
  return at, path[#path]
end

-- A function that waits answers what `finish` takes.
local function waiting(f)
  return function(...) return finish(f(...)) end
end

for _, entry in ipairs(raw.functions) do
  local path, f = entry[1], entry.waits and waiting(entry[2]) or entry[2]
  local at, name = group(path)
  if entry[3] then make_later(at, name, entry) else at[name] = f end
  for i = 1, #path do offered[concat(path, ".", 1, i)] = true end
end

for _, path in ipairs(raw.constants) do
  local at, name = group(path)
  make_later(at, name, { constant = concat(path, ".") })
  for i = 1, #path do offered[concat(path, ".", 1, i)] = true end
end

local function seal(path, at)
  for name, member in pairs(at) do
    if type(member) == "table" then
      at[name] = seal(path .. "." .. name, member)
    end
  end
  return sealed(path, at)
end

local host = seal("host", members)
-- No group: a key that is not configured is nil.
members.config = raw.config

-- The host's log: `host.log(..)` is `host.log.info(..)`.
local levels, info = {}, raw.levels.info
for level, write in pairs(raw.levels) do
  levels[level] = function(...) return check(write(joined(...))) end
  offered["log." .. level] = true
end
members.log = sealed("host.log", levels, function(_, ...) return check(info(joined(...))) end)

for name in pairs(members) do offered[name] = true end

if hidden then
  for _, name in ipairs { "base", "config" } do
    hidden[#hidden + 1] = { members, name, rawget(members, name) }
  end
  raw.hidden = hidden
  -- It may be made as a chunk is loaded.
  if rawget(raw, "is_loading") then members.base, members.config = nil, nil end
end

raw.library.host = host
-- The global that is used most is found at once. Luau finds it as a chunk is loaded.
if not hidden and rawget(raw.environment, "host") == nil then rawset(raw.environment, "host", host) end
