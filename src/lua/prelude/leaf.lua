-- Makes functions that call leaf functions of native plugins by their C type. LuaJIT compiles
-- these calls. Gets the library `ffi`.

-- It is made in the middle of a script's call, and what it makes gets at memory: it uses
-- no field of a table that the script could have changed, and no method of strings.

local ffi = ...
local loadstring, tonumber, type = loadstring, tonumber, type

-- Whole numbers up to this are exact.
local largest = 2 ^ 53

-- The text of a function of so many parameters; what is of another type than it should be goes
-- the general way; so does a function after plugins have come or gone: then `gone` is answered.
-- How a call that ran has failed is told by `settle`.
local function check(kind, a)
  if kind == "bool" then return "type(" .. a .. ") ~= 'boolean'" end
  local check = "type(" .. a .. ") ~= 'number'"
  if kind == "double" then return check end
  return check .. " or " .. a .. " % 1 ~= 0 or " .. a .. " > largest or " .. a .. " < -largest"
end

local function text(result, params)
  local list, conditions, sep = "", "", ""
  for i = 1, #params do
    local name = "a" .. i
    list = list .. sep .. name
    conditions = conditions .. (i > 1 and " or " or "") .. check(params[i], name)
    sep = ", "
  end
  local out = result ~= "void" and ", out" or ""
  local general = "return general(" .. list .. ")"
  local lines = {
    "local general, settle, target, entry, offset, fault, text, runs, out, high,",
    "  gone, cast, tonumber, type, largest = ...",
    "return function(" .. list .. sep .. "extra)",
    "  if extra ~= nil then return general(" .. list .. sep .. "extra) end",
    #params > 0 and "  if " .. conditions .. " then " .. general .. " end" or "",
    -- From there on nothing takes memory, which may run out: others would be shut out for ever.
    "  local call = cast(entry, target[0] + offset)[0]",
    "  text[0], runs[0] = nil, true",
    "  local status = call(fault" .. sep .. list .. out .. ")",
    "  runs[0] = false",
    "  if status ~= 0 then",
    "    if status == gone then " .. general .. " end",
    "    return settle(status)",
    "  end",
  }
  if result == "int64_t" then
    lines[#lines + 1] = "  local value = tonumber(out[0])"
    lines[#lines + 1] = "  if value > largest or value < -largest then return settle(0) end"
    lines[#lines + 1] = "  return value"
  elseif result == "double" then
    -- Of some bits, which are no number to C either, LuaJIT would make another value.
    lines[#lines + 1] = "  local bits = high[0]"
    lines[#lines + 1] = "  if bits < 0 and bits >= -0x80000 then return settle(0) end"
    lines[#lines + 1] = "  return out[0]"
  elseif result ~= "void" then
    lines[#lines + 1] = "  return out[0]"
  end
  lines[#lines + 1] = "end"
  local whole = ""
  for i = 1, #lines do whole = whole .. lines[i] .. "\n" end
  return whole
end

local texts = {}
local upper = ffi.abi("le") and 1 or 0

return function(general, settle, leaf, types)
  local result, params, list = types[1], {}, ""
  for i = 2, #types do
    params[i - 1] = types[i]
    list = list .. ", " .. types[i]
  end
  local signature = "int32_t (*)(void *" .. list .. (result ~= "void" and ", " .. result .. " *" or "") .. ")"
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
    ffi.cast("int32_t *", leaf[5]) + upper,
    leaf[6], ffi.cast, tonumber, type, largest
  )
end
