-- Makes functions that call leaf functions of native plugins and of the host by their C type.
-- LuaJIT compiles these calls. Gets the library `ffi`.

-- It is made in the middle of a script's call, and what it makes gets at memory: it uses
-- no field of a table that the script could have changed, and no method of strings.

local ffi, tobit = ...
local loadstring, select, tonumber, type = loadstring, select, tonumber, type

-- The square of the largest number up to which all whole ones are exact; it is as well.
local square = 2 ^ 53 * 2 ^ 53

-- That an argument is of another type than it should be. Of what LuaJIT has as an integer already,
-- such as a loop's index, nothing of this is left in compiled code.
local function check(kind, a)
  if kind == "bool" then return "type(" .. a .. ") ~= 'boolean'" end
  local check = "type(" .. a .. ") ~= 'number'"
  if kind == "double" then return check end
  return check .. " or tobit(" .. a .. ") ~= " .. a
    .. " and (" .. a .. " % 1 ~= 0 or " .. a .. " * " .. a .. " > square)"
end

-- What is said of either kind: which values a call is made with, the call itself, which leaves its
-- result in `value`, and the texts made so far.
local plugins, hosts = { texts = {} }, { texts = {} }

-- Where the upper half of a number's bits is.
local upper = ffi.abi("le") and 1 or 0

-- The address of a plugin's function is read anew for each call. From there on nothing takes memory,
-- which may run out: others would be shut out for ever. After plugins have come or gone `gone` is
-- answered, and the call goes the general way. Of some bits of a float, which are no number to C
-- either, LuaJIT would make another value.
plugins.given = "entry, target, offset, fault, text, runs, out, high, gone"
function plugins.call(names, result)
  local lines = "  local call = cast(entry, target[0] + offset)[0]\n"
    .. "  if text[0] ~= nil then text[0] = nil end\n"
    .. "  runs[0] = true\n"
    .. "  local status = call(fault" .. names .. (result ~= "void" and ", out)\n" or ")\n")
    .. "  runs[0] = false\n"
    .. "  if status ~= 0 then\n"
    .. "    if status == gone then return general(...) end\n"
    .. "    return settle(status)\n"
    .. "  end\n"
  if result == "void" then return lines .. "  return\n" end
  if result == "bool" then return lines .. "  return out[0]\n" end
  if result == "double" then
    return lines .. "  local bits = high[0]\n"
      .. "  if bits < 0 and bits >= -0x80000 then return settle(0) end\n"
      .. "  return out[0]\n"
  end
  -- The largest itself may be a larger one, rounded.
  return lines .. "  local value = tonumber(out[0])\n"
    .. "  if value * value >= square then return settle(0) end\n"
    .. "  return value\n"
end

-- The entry of a closure says itself that it runs, and whether it has a result that a number holds.
hosts.given = "entry, closure, place, state"
function hosts.call(names, result)
  return "  local value = entry(closure, place" .. names .. ")\n"
    .. "  if state[0] ~= 0 then return settle() end\n"
    .. "  return value\n"
end

-- The text of what makes a function of such parameters. Where there are more or fewer arguments, or
-- one is of another type, the call goes the general way. How one that ran has failed is told by
-- `settle`.
local function text(kind, result, params)
  local names, conditions = "", ""
  for i = 1, #params do
    names = names .. (i > 1 and ", a" or "a") .. i
    conditions = conditions .. " or " .. check(params[i], "a" .. i)
  end
  return "local select, tonumber, type, cast, tobit, square, general, settle, " .. kind.given .. " = ...\n"
    .. "return function(...)\n"
    .. (#params > 0 and "  local " .. names .. " = ...\n" or "")
    .. "  if select('#', ...) ~= " .. #params .. conditions .. " then return general(...) end\n"
    .. kind.call(#params > 0 and ", " .. names or "", result)
    .. "end"
end

local function maker(kind, signature, result, params)
  local made = kind.texts[signature]
  if not made then
    made = loadstring(text(kind, result, params), "=[twinplug]")
    kind.texts[signature] = made
  end
  return made
end

return function(general, settle, leaf, types)
  local result, params, list = types[1], {}, ""
  for i = 2, #types do
    params[i - 1] = types[i]
    list = list .. ", " .. types[i]
  end
  local cast = ffi.cast
  if leaf.closure then
    local signature = (result == "int64_t" and "double" or result) .. " (*)(void *, void *" .. list .. ")"
    return maker(hosts, signature, result, params)(
      select, tonumber, type, cast, tobit, square, general, settle,
      cast(signature, leaf.entry), cast("void *", leaf.closure), cast("void *", leaf.place),
      cast("uint8_t *", leaf.state)
    )
  end
  local signature = "int32_t (*)(void *" .. list .. (result ~= "void" and ", " .. result .. " *)" or ")")
  return maker(plugins, signature, result, params)(
    select, tonumber, type, cast, tobit, square, general, settle,
    ffi.typeof("$ *", ffi.typeof(signature)), cast("char **", leaf.target), leaf.offset,
    cast("void *", leaf.fault),
    -- The text is the first member of a fault.
    cast("void **", leaf.fault), cast("bool *", leaf.runs), cast(result .. " *", leaf.out),
    cast("int32_t *", leaf.out) + upper, leaf.gone
  )
end
