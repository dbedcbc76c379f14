-- What every script runs on top of: the `host` table, `print`, how a call is run
-- and how it waits. Gets a table of Rust functions, returns what Rust calls.
--
-- Rust functions that may fail return false and the text: the error is raised
-- here, as plain text with the script's line in front. A Rust function that must
-- wait returns true and `true`; then the call yields the token to the driver,
-- which waits with the plugin let go and resumes with the outcome.

local raw = ...
local error, ipairs, next, pairs, rawget, select, setmetatable, tostring, type, xpcall =
  error, ipairs, next, pairs, rawget, select, setmetatable, tostring, type, xpcall
local concat = table.concat
local create, isyieldable, resume, running, yield =
  coroutine.create, coroutine.isyieldable, coroutine.resume, coroutine.running, coroutine.yield

-- Luau keeps the frames of tail calls: the script's line is at the first level that is
-- not in this text.
if debug then
  local info, raise = debug.info, error
  local own = info(1, "s")
  function error(message, level)
    if not level or level < 2 then return raise(message, level) end
    level = 2
    while info(level, "s") == own do level = level + 1 end
    raise(message, level)
  end
end

-- Doors that some flavours have.
for _, name in ipairs { "debug", "gcinfo", "getfenv", "module", "newproxy", "require", "setfenv" } do
  _G[name] = nil
end

-- Compared by identity; scripts never see it.
local token = {}

-- Only ever tail called, so that level 2 is the script's line.
local function check(ok, ...)
  if ok then return ... end
  error((...), 2)
end

local no_wait = "cannot wait here: Lua cannot suspend a call inside of this function"

local function finish(ok, waits, ...)
  if not ok then error(waits, 2) end
  if not waits then return ... end
  if not isyieldable() then
    raw.forget()
    error(no_wait, 2)
  end
  return finish(yield(token))
end

-- The body of every call's coroutine.
local function run(f, ...)
  return xpcall(f, raw.report, ...)
end

-- Scripts resume and close what they have made, and not the coroutines of calls. One
-- that waits is passed on to the driver, and is the driver's until the wait is over.
local own = setmetatable({}, { __mode = "k" })
local waiting = setmetatable({}, { __mode = "k" })
local close, status = coroutine.close, coroutine.status

local pass, awake

function pass(co, ok, first, ...)
  if ok and first == token then
    if not isyieldable() then
      raw.forget()
      return pass(co, resume(co, false, no_wait))
    end
    waiting[co] = true
    return awake(co, yield(token))
  end
  return ok, first, ...
end

function awake(co, ...)
  waiting[co] = nil
  return pass(co, resume(co, ...))
end

-- Why a script may not resume or close this coroutine, or nil.
local function refusal(co)
  if type(co) ~= "thread" then return nil end
  if not own[co] then return "the coroutine of a call" end
  if waiting[co] then return "a coroutine that waits" end
end

function coroutine.create(f)
  local co = create(f)
  own[co] = true
  return co
end

function coroutine.resume(co, ...)
  local why = refusal(co)
  if why then return false, "cannot resume " .. why end
  return pass(co, resume(co, ...))
end

function coroutine.close(co)
  local why = refusal(co)
  if why then error("cannot close " .. why, 2) end
  return close(co)
end

function coroutine.status(co)
  if waiting[co] then return "normal" end
  return status(co)
end

local function wrapped(ok, ...)
  if ok then return ... end
  local message = ...
  error(message, 0)
end

function coroutine.wrap(f)
  local co = create(f)
  own[co] = true
  return function(...)
    local why = refusal(co)
    if why then error("cannot resume " .. why, 2) end
    return wrapped(pass(co, resume(co, ...)))
  end
end

-- Bytecode can break the VM: text alone.
local load = load
if load then
  function _G.load(chunk, name, _, ...)
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

-- Modules run once, and what they give is kept. `loading` says which coroutine runs a
-- body, and `chains` what it has been asked for on the way there; both are forgotten
-- with a coroutine that never goes on.
local loaded = {}
local loading = setmetatable({}, { __mode = "v" })
local chains = setmetatable({}, { __mode = "k" })

local function required(name, chain, ok, value)
  chain[#chain] = nil
  loading[name] = nil
  if not ok then error(value, 0) end
  if value == nil then value = true end
  loaded[name] = { value }
  return value
end

-- Why a module that is being loaded cannot be had.
local function busy(name, chain)
  for i = 1, #chain do
    if chain[i] == name then
      return "modules require each other in a loop: `" .. concat(chain, "` -> `", i) .. "` -> `" .. name .. "`"
    end
  end
  return "module `" .. name .. "` is being loaded by another coroutine, which waits"
end

function _G.require(name)
  local kept = loaded[name]
  if kept then return kept[1] end
  local co = running()
  local chain = chains[co] or {}
  if loading[name] then error(busy(name, chain), 2) end
  local ok, body, path = raw.find(name)
  if not ok then error(body, path) end
  chains[co] = chain
  chain[#chain + 1] = name
  loading[name] = co
  return required(name, chain, xpcall(body, raw.keep, name, path))
end

_G.dofile, _G.loadfile, string.dump = nil, nil, nil
_G.os = { time = os.time, clock = os.clock, date = os.date, difftime = os.difftime }

function _G.print(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
  return check(raw.print(concat(parts, "\t") .. "\n"))
end

-- Channels: the Rust end is found by the object, which holds nothing itself.
local ends = setmetatable({}, { __mode = "k" })
local Channel = {}

local function channel_end(channel)
  return ends[channel] or error("not a channel: call its methods with `:`", 3)
end

function Channel.send(channel, message) return finish(raw.send(channel_end(channel), message)) end
function Channel.recv(channel) return finish(raw.recv(channel_end(channel))) end
function Channel.close(channel) return finish(raw.close(channel_end(channel))) end

local channel_meta = { __index = Channel, __metatable = false, __name = "channel" }

local function attach(ok, found)
  if not ok then error(found, 2) end
  local channel = setmetatable({}, channel_meta)
  ends[channel] = found
  return channel
end

-- The `host` table and the groups in it: read-only, unknown names raise.
local function sealed(path, members)
  return setmetatable({}, {
    __index = function(_, name)
      local member = rawget(members, name)
      if member == nil then error(raw.unknown(path, tostring(name), members), 2) end
      return member
    end,
    __newindex = function(_, name)
      error("cannot set `" .. path .. "." .. tostring(name) .. "`: the host table is read-only", 2)
    end,
    __pairs = function() return next, members, nil end,
    __metatable = false,
  })
end

-- What `host` offers, by its whole name.
local offered = {}

local members = {
  any = function(value) return check(raw.any(value)) end,
  null = raw.null,
  channel = function(name) return attach(raw.channel(name)) end,
  register = function(exports) return check(raw.register(exports)) end,
  has = function(name)
    if type(name) ~= "string" then error("`host.has` takes a name, got " .. type(name), 2) end
    return offered[name] == true
  end,
}

local function group(path)
  local at = members
  for i = 1, #path - 1 do
    at[path[i]] = at[path[i]] or {}
    at = at[path[i]]
  end
  return at, path[#path]
end

for _, entry in ipairs(raw.functions) do
  local path, f = entry[1], entry[2]
  local at, name = group(path)
  at[name] = function(...) return check(f(...)) end
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

_G.host = seal("host", members)
-- No group: a key that is not configured is nil.
members.config = raw.config
for name in pairs(members) do offered[name] = true end

-- The script's globals go to a table of their own, so that they can be told from
-- the library's; what it does not define itself it finds here.
setmetatable(raw.environment, { __index = _G, __metatable = false })
raw.environment._G = raw.environment

return run, token
