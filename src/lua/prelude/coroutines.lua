-- The coroutines of scripts. Those of calls, and the main one, are out of their reach.

local raw = ...
local error, setmetatable, type = raw.error, setmetatable, type
local create, isyieldable, resume, yield =
  coroutine.create, coroutine.isyieldable, coroutine.resume, coroutine.yield
local token, no_wait, died = raw.token, raw.no_wait, raw.died

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
  -- With its stack still there.
  if not ok then died(co, first) end
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
