-- Compiles at run time, where the flavour is not to.
--- outcome: runs
--- flavours: luau

function attack()
  return load == nil and loadstring == nil and rawget(_G, "load") == nil
end

function fine() return 42 end
