-- What scripts with tests have beside what others have: `plugin`, and two functions that compare. A
-- module of theirs, so that their own lines keep their numbers.

local of_host = host
local function tested() return of_host.plugin(of_host.twinplug.plugin()) end

-- An error is that of the line which uses the plugin.
local function answered(ok, value)
  if ok then return value end
  if type(value) == "string" then value = string.gsub(value, "^twinplug_test%.lua:%d+: ", "") end
  error(value, 3)
end

plugin = setmetatable({}, {
  __index = function(_, name)
    local value = answered(pcall(function() return tested()[name] end))
    return value
  end,
  __newindex = function(_, name, value)
    answered(pcall(function() tested()[name] = value end))
    return nil
  end,
})

-- Pairs that are looked at already are equal as far as anybody has seen.
local function equal(one, other, seen)
  if rawequal(one, other) or one == other then return true end
  if type(one) ~= "table" or type(other) ~= "table" then return one ~= one and other ~= other end
  local others = seen[one]
  if not others then
    others = {}
    seen[one] = others
  end
  if others[other] then return true end
  others[other] = true
  for key, value in pairs(one) do
    if not equal(value, other[key], seen) then return false end
  end
  for key in pairs(other) do
    if one[key] == nil then return false end
  end
  return true
end

local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\""] = "\\\"", ["\\"] = "\\\\" }
local function quoted(text)
  return "\"" .. string.gsub(text, "[%c\"\\]", function(c)
    return escapes[c] or string.format("\\%03d", string.byte(c))
  end) .. "\""
end

-- So many entries of tables are shown.
local most_shown = 200
local shown, left
local function entries(table_shown, depth)
  local list, count, keys = {}, #table_shown, {}
  for index = 1, count do
    if left <= 0 then break end
    left = left - 1
    list[index] = shown(table_shown[index], depth + 1)
  end
  for key in pairs(table_shown) do
    local is_item = type(key) == "number" and key >= 1 and key <= count and key % 1 == 0
    if not is_item then keys[#keys + 1] = key end
  end
  table.sort(keys, function(one, other) return tostring(one) < tostring(other) end)
  for _, key in ipairs(keys) do
    if left <= 0 then break end
    left = left - 1
    local is_name = type(key) == "string" and string.find(key, "^[%a_][%w_]*$")
    local name = is_name and key or "[" .. shown(key, depth + 1) .. "]"
    list[#list + 1] = name .. " = " .. shown(table_shown[key], depth + 1)
  end
  if left <= 0 then list[#list + 1] = ".." end
  return list
end
function shown(value, depth)
  if type(value) == "string" then return quoted(value) end
  if type(value) ~= "table" then return tostring(value) end
  if depth > 8 then return "{ .. }" end
  local list = entries(value, depth)
  return #list == 0 and "{}" or "{ " .. table.concat(list, ", ") .. " }"
end

local function both(what, expected, got)
  return what .. "\n  expected " .. expected .. "\n  got      " .. got
end

function assert_equal(actual, expected, message)
  if equal(actual, expected, {}) then return end
  local what = message and tostring(message) or "not equal"
  left = most_shown
  local wanted = shown(expected, 0)
  left = most_shown
  error(both(what, wanted, shown(actual, 0)), 2)
end

function assert_error(run, text)
  local meta = type(run) == "table" and getmetatable(run)
  if type(run) ~= "function" and not (type(meta) == "table" and meta.__call) then
    error("assert_error takes a function: assert_error(function() .. end)", 2)
  end
  local ok, raised = pcall(run)
  if ok then
    error(text and both("no error", quoted(text), "none") or "no error", 2)
  end
  local said = tostring(raised)
  if text and not string.find(said, text, 1, true) then
    error(both("another error", quoted(text), quoted(said)), 2)
  end
  return raised
end
