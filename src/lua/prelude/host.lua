-- The `host` table: the host's functions, in groups, and its constants. What is built in has parts
-- of its own.

local raw = ...
local error, ipairs, next, pairs, rawget, rawset, tostring, type =
  raw.error, ipairs, next, pairs, rawget, rawset, tostring, type
local concat, object, setmetatable, sub = raw.concat, raw.object, raw.setmetatable, raw.sub

-- What is made once it is asked for, by the table that it belongs into: what is built in, leaf
-- functions of the host that are compiled, and constants.
local lazy = {}

-- Luau's native code finds them in a table that is not written to otherwise (`direct.rs`).
local put = raw.put or rawset

-- Luau looks `host.f` up as it loads a chunk, and keeps what it finds. What may be another value
-- later, or holds such a one, is not there meanwhile: table, name and value (`safe.rs`).
local hidden = raw.looks_ahead and {}

-- As `constant` and `leaf` answer.
local function made_of(name, entry)
  if entry.built_in then return true, raw["host_" .. name] end
  if entry.constant then return raw.constant(entry.constant) end
  return raw.leaf(entry[3], entry[2])
end

-- Makes one; `level` is of who asks. Nil where it is none.
local function grow(members, name, level)
  local entry = lazy[members] and lazy[members][name]
  if not entry or rawget(raw, "is_loading") and not entry.is_steady then return nil end
  local ok, made = made_of(name, entry)
  if not ok then error(made, level + 1) end
  local kind = type(made)
  if hidden and not entry.is_steady and (kind == "table" or kind == "userdata") then
    hidden[#hidden + 1] = { members, name, made }
  end
  -- One after the other: cut off before it is there, it is asked for again.
  put(members, name, made)
  lazy[members][name] = nil
  return made
end

local function grow_all(members, level)
  for name in next, lazy[members] or {} do
    if rawget(members, name) == nil then grow(members, name, level + 1) end
  end
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
      error(raw.unknown(path, tostring(name), members), 2)
    end,
    __metatable = false,
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

raw.sealed = sealed

-- What `host` offers, by its whole name.
local offered = {}

local members = {
  null = raw.null,
  has = function(name)
    if type(name) ~= "string" then error("`host.has` takes a name, got " .. type(name), 2) end
    return offered[name] == true or sub(name, 1, 4) == "log." and raw.levels[sub(name, 5)] ~= nil
  end,
}

local built_in = { built_in = true, is_steady = true }
for _, name in ipairs {
  "any", "buffer", "channel", "has_plugin", "list", "log", "object", "on", "plugin", "register", "state",
} do
  make_later(members, name, built_in)
  offered[name] = true
end

if raw.is_layer then
  -- Its members may be others later.
  make_later(members, "base", { built_in = true })
  offered.base = true
end

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
  local finish = raw.finish
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
for name in pairs(members) do offered[name] = true end

if hidden then
  hidden[#hidden + 1] = { members, "config", members.config }
  raw.hidden = hidden
  -- It may be made as a chunk is loaded.
  if rawget(raw, "is_loading") then members.config = nil end
end

raw.library.host = host
