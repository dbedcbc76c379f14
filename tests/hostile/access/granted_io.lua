-- Gets more from files than files: their metatable, the host's standard streams, bytecode.
--- outcome: runs
--- flavours: lua54 lua55 luajit
--- permissions: io

function attack()
  for _, file in ipairs { io.stdin, io.stdout, io.stderr } do
    assert(not getmetatable(file))
    assert(file.__index == nil and file.__gc == nil and file.write)
    assert(not pcall(setmetatable, file, {}))
    pcall(file.close, file)
    assert(io.type(file) == "file")
  end
  pcall(io.close)
  assert(io.type(io.output()) == "file")
  local path = assert(io.open("/dev/null"))
  assert(not getmetatable(path))
  path:close()
  assert(not pcall(path.read, path))
  return loadfile("/dev/null", "b") == nil or loadfile("/dev/null", "b")() == nil
end

function fine() return 42 end
