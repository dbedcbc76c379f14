-- `print`.

local raw = ...
local error, select, tostring, type = raw.error, select, tostring, type
local check, concat, library = raw.check, raw.concat, raw.library

-- Values as `print` writes them; for a function that a script calls.
function raw.joined(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local text = tostring((select(i, ...)))
    -- LuaJIT takes whatever `__tostring` returns.
    if type(text) ~= "string" then error("'__tostring' must return a string", 3) end
    parts[i] = text
  end
  return concat(parts, "\t")
end

local joined, print = raw.joined, raw.print
function library.print(...) return check(print(joined(...) .. "\n")) end
