-- How functions in Rust fail and wait.
--
-- Rust functions that may fail return false and the text: the error is raised
-- here, as plain text with the script's line in front. A Rust function that must
-- wait returns true and `true`; then the call yields the token to the driver,
-- which waits with the plugin let go and resumes with the outcome.

local raw = ...
local error, token, yield = error, raw.token, raw.yield
local can_wait, forget = raw.can_wait, raw.forget

-- Luau keeps the frames of tail calls: the script's line is at the first level that is
-- not in this text.
local info = raw.info
if info then
  local raise = error
  local own = info(1, "s")
  function error(message, level)
    if not level or level < 2 then return raise(message, level) end
    level = 2
    while info(level, "s") == own do level = level + 1 end
    raise(message, level)
  end
end

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
    forget()
    error(no_wait, 2)
  end
  return finish(yield(token))
end

raw.error, raw.check, raw.finish, raw.no_wait = error, check, finish, no_wait
