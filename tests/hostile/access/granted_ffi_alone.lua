-- Gets at the rest of LuaJIT with one of its parts.
--- outcome: runs
--- flavours: luajit
--- permissions: ffi

function attack()
  return ffi.sizeof("int") == 4 and jit == nil and io == nil and debug == nil and os.execute == nil
    and not pcall(require, "jit") and not pcall(require, "jit.util")
end

function fine() return 42 end
