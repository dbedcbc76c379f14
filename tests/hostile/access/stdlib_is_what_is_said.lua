-- Anything that the library has and nobody has thought of.
--- outcome: runs

local known = {}
for name in ([[
  _G _VERSION assert bit bit32 buffer collectgarbage coroutine error getmetatable host ipairs load
  loadstring math next os pairs pcall print rawequal rawget rawlen rawset require select
  setmetatable string table tonumber tostring type typeof unpack utf8 vector warn xpcall
]]):gmatch("%S+") do
  known[name] = true
end

function attack()
  -- One by one: what the globals stand on cannot be listed.
  for _, name in ipairs {
    "arg", "bit128", "cdata", "clonefunction", "collect", "compile", "coverage", "dofile", "dump",
    "env", "eval", "exit", "export", "ffi", "fflush", "gc", "getgc", "getgenv", "getrawmetatable",
    "getreg", "hookfunction", "integer", "io", "jit", "lfs", "loadbuffer", "loadlib", "lpeg", "lua",
    "mlua", "posix", "raw", "registry", "runtime", "shared", "socket", "spawn", "sys", "task",
    "thread", "twinplug", "ucp", "vm",
  } do
    assert(_G[name] == nil, name)
  end
  for name in pairs(_G) do assert(known[name] or name == "attack" or name == "fine", name) end
  return true
end

function fine() return 42 end
