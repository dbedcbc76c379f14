-- What a library is called when it is required, as ones that run elsewhere do.

local raw = ...
local pairs, type = pairs, type
local environment, library = raw.environment, raw.library

function raw.libraries()
  -- One that is there once it was asked for.
  local libraries = { _G = environment, coroutine = library.coroutine }
  for name, value in pairs(library) do
    if type(value) == "table" then libraries[name] = value end
  end
  return libraries
end
