-- How a call is run and how it waits. Gets a table of Rust functions, to which each part
-- of the prelude adds what the later ones use.
--
-- Rust functions that may fail return false and the text: the error is raised
-- here, as plain text with the script's line in front. A Rust function that must
-- wait returns true and `true`; then the call yields the token to the driver,
-- which waits with the plugin let go and resumes with the outcome.

local raw = ...
local error, pcall, xpcall = error, pcall, xpcall
local yield = coroutine.yield
local can_wait, is_due = raw.can_wait, raw.is_due

-- Luau keeps the frames of tail calls: the script's line is at the first level that is
-- not in this text.
if debug and debug.info then
  local info, raise = debug.info, error
  local own = info(1, "s")
  function error(message, level)
    if not level or level < 2 then return raise(message, level) end
    level = 2
    while info(level, "s") == own do level = level + 1 end
    raise(message, level)
  end
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
  if not can_wait() then
    raw.forget()
    error(no_wait, 2)
  end
  return finish(yield(token))
end

-- An error that memory has run out is not the script's to catch: the call ends.
local run_out = raw.run_out
local function settle(ok, ...)
  if not ok and (...) == "not enough memory" then run_out() end
  return ok, ...
end

function _G.pcall(...) return settle(pcall(...)) end

-- Nor does a handler run in a call that a limit stops: nothing could stop the handler.
function _G.xpcall(f, handler, ...)
  local function handle(message)
    if is_due() then return message end
    return handler(message)
  end
  return settle(xpcall(f, handle, ...))
end

raw.error, raw.check, raw.finish, raw.settle = error, check, finish, settle
raw.token, raw.no_wait = token, no_wait
