-- What a library is called when it is required, as ones that run elsewhere do.

local raw = ...
local ipairs, pairs, type = ipairs, pairs, type
local environment, lazily, library = raw.environment, raw.lazily, raw.library

function raw.libraries()
  -- Some are there once they were asked for.
  for _, name in ipairs { "coroutine", "math", "utf8" } do lazily(library, name) end
  local libraries = { _G = environment }
  for name, value in pairs(library) do
    if type(value) == "table" then libraries[name] = value end
  end
  return libraries
end
