-- `require`.

local raw = ...
local error, next, rawget, setmetatable, type, xpcall =
  raw.error, next, rawget, raw.setmetatable, type, raw.library.xpcall
local concat, running = raw.concat, raw.running
local environment, find, keep, returned = raw.environment, raw.find, raw.keep, raw.returned
local lazily, library, lazy = raw.lazily, raw.library, raw.lazy

-- Luau: what a module's body may do to the library (`safe.rs`).
local open, close = raw.looks_ahead and raw.open_library, raw.looks_ahead and raw.close_library

-- Modules run once, and what they give is kept. `loading` says which coroutine runs a
-- body, and `chains` what it has been asked for on the way there; both are forgotten
-- with a coroutine that never goes on.
local loaded = { _G = { environment } }
-- `package.loaded`, which only shows it.
local packaged = raw.packaged

local loading = setmetatable({}, { __mode = "v" })
local chains = setmetatable({}, { __mode = "k" })

-- A library by its name, or nil.
local function library_named(name)
  local found = rawget(library, name)
  if found == nil and lazy[name] then found = lazily(library, name) end
  if type(found) == "table" then return found end
end

local function required(name, path, chain, ok, value)
  chain[#chain] = nil
  loading[name] = nil
  if close and next(loading) == nil then close(environment) end
  if not ok then error(value, 0) end
  if value == nil then value = true end
  returned(path, value)
  loaded[name] = { value }
  if packaged then packaged[name] = value end
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

function raw.library.require(name)
  local kept = loaded[name]
  if kept then return kept[1] end
  local found = library_named(name)
  if found then return found end
  local co = running()
  local chain = chains[co] or {}
  if loading[name] then error(busy(name, chain), 2) end
  local ok, body, path = find(environment, name)
  if not ok then error(body, path) end
  if open then open(environment) end
  chains[co] = chain
  chain[#chain + 1] = name
  loading[name] = co
  return required(name, path, chain, xpcall(body, keep, name, path))
end
