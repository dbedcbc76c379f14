-- Shows all that the functions of patterns do with two texts.

local function show(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    parts[i] = type(value) .. " " .. tostring(value)
  end
  return table.concat(parts, ", ")
end

local function iterated(text, pattern, ...)
  local list = {}
  for a, b, c in text:gmatch(pattern, ...) do
    list[#list + 1] = show(a, b, c)
    if #list > 40 then break end
  end
  return table.concat(list, "; ")
end

return function(text, pattern, replacement, start)
  local values = { a = "<a>", ab = 5, b = false }
  local function f(first, second)
    if first == "b" then return nil end
    return "<" .. tostring(first) .. tostring(second) .. ">"
  end
  return table.concat({
    show(pcall(string.find, text, pattern, start)),
    show(pcall(string.match, text, pattern, start)),
    show(pcall(string.match, text, pattern)),
    show(pcall(iterated, text, pattern)),
    show(pcall(iterated, text, pattern, start)),
    show(pcall(string.gsub, text, pattern, replacement)),
    show(pcall(string.gsub, text, pattern, replacement, 2)),
    show(pcall(string.gsub, text, pattern, values)),
    show(pcall(string.gsub, text, pattern, f)),
    show(pcall(string.gsub, text, pattern, string.upper)),
  }, "\n")
end
