-- Reaches the host's own Lua with what it was granted.
--- outcome: runs
--- permissions: debug

local function looks(level)
  local info = debug.getinfo and debug.getinfo(level)
  return info and info.func
end

function attack()
  for _, name in ipairs {
    "sethook", "gethook", "getregistry", "getmetatable", "setmetatable", "getupvalue", "setupvalue",
    "upvalueid", "upvaluejoin", "getlocal", "setlocal", "getuservalue", "setuservalue", "getfenv",
    "setfenv", "debug", "setcstacklimit", "loadmodule", "setmemorycategory", "dumpheap",
  } do
    assert(debug[name] == nil, name)
  end
  for level = 0, 50 do
    assert(looks(level) == nil, level)
    assert(looks(tostring(level)) == nil, level)
  end
  for _, options in ipairs { "f", ">f", "Sf", "fS", ">", "\0f", "nSltufrL" } do
    local ok, info = pcall(debug.getinfo or debug.info, 1, options)
    assert(not ok or type(info) ~= "table" or info.func == nil, options)
    assert(type(info) ~= "function", options)
    pcall(debug.getinfo or debug.info, coroutine.running(), 1, options)
  end
  pcall(debug.traceback, coroutine.running(), "text", -5)
  pcall(debug.traceback, "text", 2 ^ 40)
  return type(debug.traceback()) == "string"
end

function fine() return 42 end
