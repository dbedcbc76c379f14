-- A reader of code that loads code.
--- outcome: runs
--- flavours: lua54 lua55 luajit

local function deep() return load(deep) and nil end

function attack()
  pcall(deep)
  return true
end

function fine() return 42 end
