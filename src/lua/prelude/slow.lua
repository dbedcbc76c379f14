-- What would take long in the library's C, in Lua, where a limit can end it. The guards in
-- `library.rs` come here; each function returns true and the results, or false and the text
-- of an error.

local raw = ...
local next, rawget, select, tostring, type = next, rawget, select, tostring, type
local concat, unpack, tointeger = raw.concat, raw.unpack, raw.tointeger
local byte, find, sub = raw.byte, raw.find_text, raw.sub
local search = raw.search

-- Lua 5.1 and its kin take an empty match right behind another one.
local is_jit, is_luau = _VERSION == "Lua 5.1", sub(_VERSION, 1, 4) == "Luau"
local by_end = not is_jit and not is_luau
local rawlen = is_luau and rawlen

local slow = { string = {}, table = {} }

-- Tables with metamethods, of 5.4 and 5.5.

local no_length = "object length is not an integer"

function slow.table.concat(list, separator, first, last)
  first, last = tointeger(first or 1), tointeger(last or #list)
  if not last then return false, no_length end
  local parts, size = {}, 0
  for i = first, last do
    local item = list[i]
    local kind = type(item)
    if kind ~= "string" and kind ~= "number" then
      return false, "invalid value (" .. kind .. ") at index " .. i .. " in table for 'concat'"
    end
    size = size + 1
    parts[size] = item
  end
  return true, concat(parts, separator)
end

-- A little less than a stack holds.
local most_results = 999000

function slow.table.unpack(list, first, last)
  first, last = tointeger(first or 1), tointeger(last or #list)
  if not last then return false, no_length end
  if first > last then return true end
  local more = last - first
  if more < 0 or more >= most_results then return false, "too many results to unpack" end
  local items = {}
  for i = 0, more do items[i + 1] = list[first + i] end
  return true, unpack(items, 1, more + 1)
end

-- Those of Luau.

function slow.table.find(list, sought, first)
  local i = first or 1
  while true do
    local item = rawget(list, i)
    if item == nil then return true, nil end
    if item == sought then return true, i end
    i = i + 1
  end
end

function slow.table.foreach(list, f)
  for key, item in next, list do
    local result = f(key, item)
    if result ~= nil then return true, result end
  end
  return true
end

function slow.table.foreachi(list, f)
  for i = 1, rawlen(list) do
    local result = f(i, rawget(list, i))
    if result ~= nil then return true, result end
  end
  return true
end

function slow.string.split(text, separator)
  local parts, at = {}, 1
  while true do
    local from, to = find(text, separator, at, true)
    parts[#parts + 1] = sub(text, at, from and from - 1)
    if not from then return true, parts end
    at = to + 1
  end
end

-- The replacement as a list of texts and numbers of captures; an error of it is one of
-- the first match.
local function template(text)
  local parts, at = {}, 1
  while true do
    local escape = find(text, "%", at, true)
    parts[#parts + 1] = sub(text, at, escape and escape - 1)
    if not escape then return parts end
    local code = sub(text, escape + 1, escape + 1)
    if find(code, "^%d") then
      parts[#parts + 1] = byte(code) - 48
    elseif code == "%" then
      parts[#parts + 1] = code
    elseif is_jit then
      parts[#parts + 1] = code == "" and "\0" or code
    else
      return parts, "invalid use of '%' in replacement string"
    end
    at = escape + 2
  end
end

local unfinished = "unfinished capture"

local function no_capture(index)
  if by_end then return "invalid capture index %" .. index end
  return "invalid capture index"
end

-- Each gives the text for a match, or false and an error's text.
local kinds = {}

function kinds.string(text)
  local parts, failure = template(text)
  local size, filled = #parts, {}
  return function(whole, ...)
    for i = 1, size do
      local part = parts[i]
      if part == 0 then
        part = whole
      elseif type(part) == "number" then
        if part > select("#", ...) then return false, no_capture(part) end
        part = select(part, ...)
        if not part then return false, unfinished end
      end
      filled[i] = part
    end
    if failure then return false, failure end
    return concat(filled, "", 1, size)
  end
end

local function chosen(whole, value)
  if not value then return whole end
  local kind = type(value)
  if kind == "string" or kind == "number" then return value end
  return false, "invalid replacement value (a " .. kind .. ")"
end

local function has_unfinished(...)
  for i = 1, select("#", ...) do
    if not select(i, ...) then return true end
  end
end

kinds["function"] = function(f)
  return function(whole, ...)
    if has_unfinished(...) then return false, unfinished end
    return chosen(whole, (f(...)))
  end
end

function kinds.table(values)
  return function(whole, first)
    if not first then return false, unfinished end
    return chosen(whole, values[first])
  end
end

function kinds.number(number) return kinds.string(tostring(number)) end

function slow.string.gsub(text, pattern, replacement, most)
  local anchored = byte(pattern) == 94
  if anchored then pattern = sub(pattern, 2) end
  local replaced = kinds[type(replacement)](replacement)
  most = most and most + 0 or #text + 1
  local parts, size, count, at, last = {}, 0, 0, 1, nil
  local done = {}

  -- Takes what `search` has found; true to go on, nil at the end, false and an error's text.
  local function take(from, to, ...)
    if not from then return from, to end
    local value, failure = replaced(sub(text, from, to), ...)
    if failure then return false, failure end
    if size >= 4096 then
      -- Together they take less memory.
      done[#done + 1], size = concat(parts, "", 1, size), 0
    end
    parts[size + 1], parts[size + 2] = sub(text, at, from - 1), value
    size, count, at = size + 2, count + 1, to + 1
    if by_end then
      last = to
    elseif to < from then
      if from > #text then return nil end
      size, at = size + 1, from + 1
      parts[size] = sub(text, from, from)
    end
    return not anchored
  end

  while count < most do
    local goes_on, failure = take(search(text, pattern, at, last, anchored))
    if failure then return false, failure end
    if not goes_on then break end
  end
  if count == 0 then return true, text, 0 end
  done[#done + 1] = concat(parts, "", 1, size)
  done[#done + 1] = sub(text, at)
  return true, concat(done), count
end

raw.slow = slow
