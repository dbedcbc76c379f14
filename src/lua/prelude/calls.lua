-- `pcall` and `xpcall`. What a limit ends is not the script's to catch.

local raw = ...
local library = raw.library
local pcall, xpcall = raw.pcall, raw.xpcall
local is_due, run_out = raw.is_due, raw.run_out

-- An error that memory has run out is not the script's to catch: the call ends.
local function settle(ok, ...)
  if not ok and (...) == "not enough memory" then run_out() end
  return ok, ...
end
raw.settle = settle

function library.pcall(...) return settle(pcall(...)) end

-- Nor does a handler run in a call that a limit stops: nothing could stop the handler.
function library.xpcall(f, handler, ...)
  local function handle(message)
    if is_due() then return message end
    return handler(message)
  end
  return settle(xpcall(f, handle, ...))
end
