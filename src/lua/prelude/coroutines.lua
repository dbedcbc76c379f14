-- The coroutines of scripts. Those of calls, and the main one, are out of their reach.

local raw = ...
local error, pairs, rawequal, select, setmetatable, type =
  raw.error, pairs, rawequal, select, raw.setmetatable, type
local coroutine = raw.coroutine

-- The library's own functions; taken before any is replaced, as this may be cut off and run
-- again.
local originals = raw.originals
if not originals then
  originals = {}
  for name, f in pairs(coroutine) do originals[name] = f end
  raw.originals = originals
end
local create, isyieldable, running, status, yield =
  originals.create, originals.isyieldable, originals.running, originals.status, raw.yield
local close = raw.close_coroutine or originals.close
local resume = raw.resume_coroutine or originals.resume
local can_wait, forget = raw.can_wait, raw.forget
local token, no_wait, settle = raw.token, raw.no_wait, raw.settle
local died = raw.died

-- Scripts resume and close what they have made, and not the coroutines of calls: what each
-- of theirs is. One that waits is passed on to the driver, and is the driver's until the
-- wait is over. One that a limit stopped has never come back.
local own = setmetatable({}, { __mode = "k" })
local idle, runs, waits = 1, 2, 3

local pass, awake

function pass(co, ok, first, ...)
  if ok and rawequal(first, token) then
    if not can_wait() then
      forget()
      return pass(co, resume(co, false, no_wait))
    end
    own[co] = waits
    return awake(co, yield(token))
  end
  own[co] = idle
  -- With its stack still there.
  if not ok then died(co, first) end
  return settle(ok, first, ...)
end

function awake(co, ...)
  own[co] = runs
  return pass(co, resume(co, ...))
end

-- Why a script may not resume or close this coroutine, or nil.
local function refusal(co, what)
  local state = own[co]
  if state == idle then return nil end
  if state == nil then return "cannot " .. what .. " the coroutine of a call" end
  if state == waits then return "cannot " .. what .. " a coroutine that waits" end
  if status(co) == "suspended" then return "cannot " .. what .. " dead coroutine" end
end

local function check(name, co)
  if type(co) == "thread" then return end
  local got = co == nil and "no value" or type(co)
  error("bad argument #1 to '" .. name .. "' (coroutine expected, got " .. got .. ")", 3)
end

function coroutine.create(f)
  local co = create(f)
  own[co] = idle
  return co
end

function coroutine.resume(co, ...)
  check("resume", co)
  local why = refusal(co, "resume")
  if why then return false, why end
  if own[co] ~= idle then return false, "cannot resume non-suspended coroutine" end
  own[co] = runs
  return pass(co, resume(co, ...))
end

if close then
  function coroutine.close(co)
    check("close", co)
    local why = refusal(co, "close")
    if why then error(why, 2) end
    local now = status(co)
    if now ~= "suspended" and now ~= "dead" then error("cannot close a " .. now .. " coroutine", 2) end
    own[co] = runs
    return pass(co, close(co))
  end
end

function coroutine.status(co)
  check("status", co)
  local state = own[co]
  if state == nil then
    return own[running()] and "normal" or "running"
  end
  if state == waits then return "normal" end
  local now = status(co)
  if state == runs and now == "suspended" then return "dead" end
  return now
end

-- In an export a script is in the main coroutine, as far as it can see.
local main, says_main = raw.main, select("#", running()) == 2
function coroutine.running()
  local co = running()
  if co ~= nil and own[co] ~= nil then return running() end
  if says_main then return main, true end
  return nil
end

coroutine.isyieldable = isyieldable and raw.is_yieldable
coroutine.yield = raw.yield_values

local closes = raw.close_coroutine ~= nil
local function wrapped(co, ok, ...)
  if ok then return ... end
  local message = ...
  -- What it has not closed is closed now.
  if closes and status(co) == "dead" then
    local closed, other = close(co)
    if not closed then message = other end
  end
  error(message, 0)
end

function coroutine.wrap(f)
  local co = create(f)
  own[co] = idle
  return function(...)
    local why = refusal(co, "resume")
    if why then error(why, 2) end
    if own[co] ~= idle then error("cannot resume non-suspended coroutine", 2) end
    own[co] = runs
    return wrapped(co, pass(co, resume(co, ...)))
  end
end

-- Luau: a table of the library's as any other (`safe.rs`).
local grow = raw.looks_ahead and raw.grow_library
if grow then grow("coroutine", coroutine) else raw.library.coroutine = coroutine end
