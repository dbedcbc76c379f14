-- Makes functions that call leaf functions of native plugins by their C type. LuaJIT compiles
-- these calls. Gets the library `ffi`.

local ffi = ...
local concat, loadstring, type = table.concat, loadstring, type
local tobit, tonumber = bit.tobit, tonumber

-- Numbers up to this are exact.
local largest = 2 ^ 53

-- The text of a function of so many parameters; an integer beyond 32 bits, and whatever is of
-- another type than it should be, goes the general way; so does one of a plugin that is gone,
-- which answers `not_found` and no text. How a call that ran has failed is told by `settle`.
local checks = {
  int64_t = "type(%s) ~= 'number' or tobit(%s) ~= %s",
  double = "type(%s) ~= 'number'",
  bool = "type(%s) ~= 'boolean'",
}

local function text(result, params)
  local names, conditions = {}, {}
  for i = 1, #params do
    local name = "a" .. i
    names[i] = name
    conditions[#conditions + 1] = (checks[params[i]]:gsub("%%s", name))
  end
  local list = concat(names, ", ")
  local sep = #names > 0 and ", " or ""
  local out = result ~= "void" and ", out" or ""
  local general = "return general(" .. list .. ")"
  local lines = {
    "local general, settle, target, entry, offset, fault, text, runs, out,",
    "  cast, tobit, tonumber, type, largest = ...",
    "return function(" .. list .. sep .. "extra)",
    "  if extra ~= nil then return general(" .. list .. sep .. "extra) end",
    #names > 0 and "  if " .. concat(conditions, " or ") .. " then " .. general .. " end" or "",
    "  text[0], runs[0] = nil, true",
    "  local status = cast(entry, target[0] + offset)[0](fault" .. sep .. list .. out .. ")",
    "  runs[0] = false",
    "  if status ~= 0 then",
    "    if status == 3 and text[0] == nil then " .. general .. " end",
    "    return settle(status)",
    "  end",
  }
  if result == "int64_t" then
    lines[#lines + 1] = "  local value = tonumber(out[0])"
    lines[#lines + 1] = "  if value > largest or value < -largest then return settle(0) end"
    lines[#lines + 1] = "  return value"
  elseif result ~= "void" then
    lines[#lines + 1] = "  return out[0]"
  end
  lines[#lines + 1] = "end"
  return concat(lines, "\n")
end

local texts = {}

return function(general, settle, leaf, types)
  local result, params = types[1], {}
  for i = 2, #types do params[i - 1] = types[i] end
  local signature = "int32_t (*)(void *" .. (#params > 0 and ", " or "") .. concat(params, ", ")
    .. (result ~= "void" and ", " .. result .. " *" or "") .. ")"
  local made = texts[signature]
  if not made then
    made = loadstring(text(result, params), "=[twinplug]")
    texts[signature] = made
  end
  return made(
    general,
    settle,
    ffi.cast("char **", leaf[1]),
    ffi.typeof("$ *", ffi.typeof(signature)),
    leaf[2],
    ffi.cast("void *", leaf[3]),
    -- The text is the first member of a fault.
    ffi.cast("void **", leaf[3]),
    ffi.cast("bool *", leaf[4]),
    result ~= "void" and ffi.cast(result .. " *", leaf[5]) or nil,
    ffi.cast, tobit, tonumber, type, largest
  )
end
